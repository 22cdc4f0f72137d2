// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// A private JSON Web Key (RFC 7517, RFC 7518 section 6, RFC 8037): EC P-256/384/521, RSA, OKP Ed25519. Throws
// malformed, or crypto if the numbers are no key (public and private part must belong together). RSA needs all of its
// members, also those that RFC 7518 lets a sender leave out (step sends them).
PrivateKey private_key_from_jwk(std::string_view json, const std::string& source);

// The public part in the canonical form of RFC 7638: what ACME puts into its `jwk` header. Throws crypto for a key
// of another kind, such as another curve.
std::string public_jwk(const PrivateKey& key);

// The key's RFC 7638 SHA-256 thumbprint in base64url: step-ca's `kid`.
std::string jwk_thumbprint(const PrivateKey& key);

}  // namespace everleaf
