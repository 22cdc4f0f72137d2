// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <everleaf/x509/name.hpp>
#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// A PKCS #10 request (RFC 2986) in PEM, signed with `key`, for the common name `subject` (none if empty) and `names`
// as subject alternative names. Throws crypto; malformed if a name cannot be encoded.
std::string make_certificate_request(const PrivateKey& key, const std::string& subject, const std::vector<Name>& names);

}  // namespace everleaf
