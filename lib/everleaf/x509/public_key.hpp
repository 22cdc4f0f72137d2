// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace everleaf {

// The public half of a key, in whatever it came: a certificate, a request, a private key, a file of its own.
class PublicKey {
 public:
  // A PUBLIC KEY block. Throws malformed.
  static PublicKey from_pem(std::string_view pem, const std::string& source);
  // Shares OpenSSL's object.
  static PublicKey from_native(evp_pkey_st* native);

  std::string to_pem() const;  // PUBLIC KEY: SubjectPublicKeyInfo
  // "ECDSA P-256", "RSA 2048", "Ed25519 256", as `step certificate inspect --short` names it.
  std::string description() const;

  friend bool operator==(const PublicKey& a, const PublicKey& b);

  evp_pkey_st* native() const { return native_.get(); }

 private:
  explicit PublicKey(std::shared_ptr<evp_pkey_st> native) : native_(std::move(native)) {}
  std::shared_ptr<evp_pkey_st> native_;
};

}  // namespace everleaf
