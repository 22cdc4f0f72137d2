// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// The JWS algorithm that goes with a key (RFC 7518 section 3.1, RFC 8037): ES256/384/512, RS256, EdDSA.
std::string_view jws_algorithm(const PrivateKey& key);

// Signs `payload` under `header` (both JSON texts; the header must already name the algorithm of jws_algorithm) in
// compact serialisation (RFC 7515, section 7.1).
std::string sign_jws(std::string_view header, std::string_view payload, const PrivateKey& key);

// The same in the flattened JSON serialisation (RFC 7515, section 7.2.2), which ACME takes.
std::string sign_jws_flattened(std::string_view header, std::string_view payload, const PrivateKey& key);
// The same with a shared key; the header must name HS256 (RFC 7518, section 3.2).
std::string sign_jws_flattened(std::string_view header, std::string_view payload, const Secret& shared_key);

struct JwsParts {
  std::string header;   // JSON text
  std::string payload;  // JSON text of a token
};
// Takes a compact JWS apart. The signature is NOT verified: what a client wants from a token is where it leads.
// Throws malformed; never quotes the token.
JwsParts unverified_jws_parts(std::string_view compact, const std::string& source);

}  // namespace everleaf
