// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <everleaf/secret/secret.hpp>
#include <everleaf/x509/public_key.hpp>

struct evp_pkey_st;

namespace everleaf {

// The kinds of key that step-ca signs (step-ca-api: "Key rules on sign").
enum class KeyType { ec_p256, ec_p384, ec_p521, ed25519, rsa_2048, rsa_3072, rsa_4096 };

// "ec-p256", "ed25519", "rsa-2048" ..., as in the configuration.
std::optional<KeyType> parse_key_type(std::string_view text);
std::string_view to_string(KeyType type);

// A private key. Copies share the same key; its memory is wiped with the last of them.
class PrivateKey {
 public:
  static PrivateKey generate(KeyType type);
  // Any PEM form that OpenSSL reads, encrypted or not; `password` is used only if the key is encrypted. `source` names
  // the file in errors. Throws malformed, or crypto if the password is wrong or missing.
  static PrivateKey from_pem(std::string_view pem, const std::string& source,
                             const std::optional<Secret>& password = std::nullopt);
  static bool is_encrypted_pem(std::string_view pem);

  explicit PrivateKey(std::shared_ptr<evp_pkey_st> native) : native_(std::move(native)) {}

  // Unencrypted, in the forms step writes: SEC 1 for EC, PKCS #1 for RSA, PKCS #8 for Ed25519.
  Secret to_pem() const;
  // The same encrypted by `password`, as step writes it: PEM's own encryption (AES-256-CBC) for EC and RSA, PKCS #8 for
  // Ed25519. PEM's is weak against guessing: the password must be a good one.
  std::string to_encrypted_pem(const Secret& password) const;
  PublicKey public_key() const;
  // One of ours, or nothing (RSA of an odd size, other curves).
  std::optional<KeyType> type() const;

  evp_pkey_st* native() const { return native_.get(); }
  // The same key, by its public part.
  friend bool operator==(const PrivateKey& a, const PrivateKey& b);

 private:
  std::shared_ptr<evp_pkey_st> native_;
};

}  // namespace everleaf
