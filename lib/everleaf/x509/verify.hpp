// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// Why `chain` (leaf first) does not lead to one of `roots` at `now`; empty if it does. Path validation is OpenSSL's
// (RFC 5280, section 6) with name and basic constraints; any purpose is accepted; revocation is not looked at.
// OpenSSL takes the second of notAfter for too late, Validity (and the RFC) does not.
std::vector<std::string> reasons_against_chain(const std::vector<Certificate>& chain,
                                               const std::vector<Certificate>& roots, Time now);

}  // namespace everleaf
