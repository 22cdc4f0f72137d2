// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/secret/secret.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/fingerprint.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// Under which name a token carries certificates: step-ca takes the first from an X5C provisioner's clients, the second
// from certificates that renew themselves.
enum class X5cHeader { x5c, x5c_insecure };

// What a provisioner's one-time token says (certificates: authority/provisioner/jwk.go, x5c.go).
struct ProvisionToken {
  std::string issuer;    // the provisioner's name
  std::string key_id;    // of the provisioner's key
  std::string audience;  // ".../1.0/sign", ".../1.0/revoke"
  std::string subject;
  std::vector<std::string> names;   // "sans"; empty: left out, the CA takes the subject
  std::optional<Fingerprint> root;  // "sha": lets the token's user find the root
  Validity validity;                // of the token
  std::vector<Certificate> x5c{};   // X5C: the chain of the certificate whose key signs it
  X5cHeader x5c_header = X5cHeader::x5c;
  std::string request{};          // "cnf": base64url SHA-256 of the only request it is good for; empty: any
  std::optional<Time> made{};     // default: when it becomes valid
  std::string template_values{};  // "user": a JSON object for the CA's template, as .Token.user; empty: none
};
Secret sign_token(const ProvisionToken& token, const PrivateKey& provisioner_key);

// The token with which an identity renews itself without TLS client authentication, also after it expired: header
// "x5cInsecure" with the whole chain (certificates: authority/authorize.go, AuthorizeRenewToken). Each call makes
// another one (jti), since the CA takes each only once.
Secret make_renew_token(const Identity& identity, const std::string& audience, Time now);

// What a client reads in a token it was given. The signature is not verified: that is the CA's business.
struct TokenClaims {
  std::string subject;
  std::string audience;
  std::vector<std::string> names;
  std::optional<Fingerprint> root;
  std::optional<Time> expires;
};
// Throws malformed; never quotes the token.
TokenClaims read_token(const Secret& token);

}  // namespace everleaf
