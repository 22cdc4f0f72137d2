// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/secret/secret.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// How a PKCS #12 file protects what is in it.
enum class Pkcs12Encryption {
  modern,  // AES-256-CBC by PBKDF2 with SHA-256, as OpenSSL 3
  legacy,  // 40-bit RC2 and 3DES by SHA-1: for readers that know nothing better
};

// A PKCS #12 file (RFC 7292) in DER of `identity` with `others` behind its own chain; without an identity a trust store
// that Java takes for one. Throws crypto, also where the system has no legacy algorithms.
std::string make_pkcs12(const std::optional<Identity>& identity, const std::vector<Certificate>& others,
                        const Secret& password, Pkcs12Encryption encryption);

}  // namespace everleaf
