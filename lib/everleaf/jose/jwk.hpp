// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// A private JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037): EC P-256/384/521, RSA, OKP Ed25519. Throws
// malformed, or crypto if the numbers are no key (public and private part must belong together).
PrivateKey private_key_from_jwk(std::string_view json, const std::string& source);

// The key's RFC 7638 SHA-256 thumbprint in base64url: step-ca's `kid`.
std::string jwk_thumbprint(const PrivateKey& key);

}  // namespace everleaf
