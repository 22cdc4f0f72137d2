// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// The roots that the system trusts, which are OpenSSL's directory and file, or SSL_CERT_DIR and SSL_CERT_FILE; and
// others.
struct SystemRoots {
  std::vector<Certificate> others{};
};
using TrustAnchors = std::variant<std::vector<Certificate>, SystemRoots>;

// Why `chain` (leaf first) does not lead to one of `roots` at `now`; empty if it does. Path validation is OpenSSL's
// (RFC 5280, section 6) with name and basic constraints; any purpose is accepted; revocation is not looked at.
// Whatever is named is an anchor, and were it an intermediate (RFC 5280, section 6.1.1 d; as Go has it).
// OpenSSL takes the second of notAfter for too late, Validity (and the RFC) does not.
std::vector<std::string> reasons_against_chain(const std::vector<Certificate>& chain, const TrustAnchors& roots,
                                               Time now);

// The self-signed one of `roots` that vouches for `chain`; nothing if none does.
std::optional<Certificate> root_of(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots,
                                   Time now);

// Why `certificate` is not for `host` (a DNS name or an IP address); empty if it is. Only subject alternative names
// count (RFC 6125, section 6.4.4, as Go has it), with wildcards for a whole label.
std::vector<std::string> reasons_against_host(const Certificate& certificate, const std::string& host);

}  // namespace everleaf
