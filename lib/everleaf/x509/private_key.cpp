// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/private_key.hpp>

#include <openssl/decoder.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

constexpr std::array<std::pair<KeyType, std::string_view>, 7> type_names{{{KeyType::ec_p256, "ec-p256"},
                                                                          {KeyType::ec_p384, "ec-p384"},
                                                                          {KeyType::ec_p521, "ec-p521"},
                                                                          {KeyType::ed25519, "ed25519"},
                                                                          {KeyType::rsa_2048, "rsa-2048"},
                                                                          {KeyType::rsa_3072, "rsa-3072"},
                                                                          {KeyType::rsa_4096, "rsa-4096"}}};

EVP_PKEY* generate_native(KeyType type) {
  switch (type) {
    case KeyType::ec_p256: return EVP_EC_gen("P-256");
    case KeyType::ec_p384: return EVP_EC_gen("P-384");
    case KeyType::ec_p521: return EVP_EC_gen("P-521");
    case KeyType::ed25519: return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    case KeyType::rsa_2048: return EVP_RSA_gen(2048U);
    case KeyType::rsa_3072: return EVP_RSA_gen(3072U);
    case KeyType::rsa_4096: return EVP_RSA_gen(4096U);
  }
  return nullptr;
}

std::optional<KeyType> type_of_curve(std::string_view curve) {
  if (curve == "P-256") return KeyType::ec_p256;
  if (curve == "P-384") return KeyType::ec_p384;
  if (curve == "P-521") return KeyType::ec_p521;
  return std::nullopt;
}

struct PasswordAnswer {
  const std::optional<Secret>& password;
  bool asked = false;
};

int answer_password(char* buffer, int size, int /*writing*/, void* context) {
  auto& answer = *static_cast<PasswordAnswer*>(context);
  answer.asked = true;
  if (!answer.password) return -1;
  const auto password = answer.password->reveal();
  if (password.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, password.data(), password.size());
  return static_cast<int>(password.size());
}

// Encrypted if there is a cipher.
std::string encode(const EVP_PKEY* key, const EVP_CIPHER* cipher, const Secret& password) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  const auto* word = to_unsigned(password.reveal());
  const int size = int_size(password.reveal());
  const bool pkcs8 = EVP_PKEY_is_a(key, "ED25519") == 1;
  const int written = pkcs8
                          ? PEM_write_bio_PrivateKey(bio.get(), key, cipher, word, size, nullptr, nullptr)
                          : PEM_write_bio_PrivateKey_traditional(bio.get(), key, cipher, word, size, nullptr, nullptr);
  require(written == 1, "cannot encode a private key");
  return contents(bio.get());
}

// For a key of unknown type OpenSSL 3.0 first collects the decoders of all: most are of this one. Null if it is not.
EVP_PKEY* decode_ec(std::string_view pem) {
  EVP_PKEY* key = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, Free<OSSL_DECODER_CTX_free>> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", nullptr, "EC", EVP_PKEY_KEYPAIR, nullptr, nullptr));
  const auto bio = read_bio(pem);
  if (decoder) OSSL_DECODER_from_bio(decoder.get(), bio.get());
  ERR_clear_error();
  return key;
}

EVP_PKEY* decode(std::string_view pem, PasswordAnswer& answer) {
  constexpr std::string_view begin = "-----BEGIN ";
  const bool is_alone = pem.starts_with(begin) && pem.find(begin, begin.size()) == std::string_view::npos;
  if (is_alone && !PrivateKey::is_encrypted_pem(pem))
    if (auto* key = decode_ec(pem)) return key;
  const auto bio = read_bio(pem);
  auto* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, answer_password, &answer);
  ERR_clear_error();
  return key;
}

}  // namespace

std::optional<KeyType> parse_key_type(std::string_view text) {
  const auto found =
      std::find_if(type_names.begin(), type_names.end(), [&](auto& entry) { return entry.second == text; });
  if (found == type_names.end()) return std::nullopt;
  return found->first;
}

std::string_view to_string(KeyType type) {
  return std::find_if(type_names.begin(), type_names.end(), [&](auto& entry) { return entry.first == type; })->second;
}

PrivateKey PrivateKey::generate(KeyType type) {
  std::shared_ptr<EVP_PKEY> key(generate_native(type), EVP_PKEY_free);
  require(key != nullptr, "cannot generate a key");
  return PrivateKey(std::move(key));
}

PrivateKey PrivateKey::from_pem(std::string_view pem, const std::string& source,
                                const std::optional<Secret>& password) {
  PasswordAnswer answer{password};
  std::shared_ptr<EVP_PKEY> key(decode(pem, answer), EVP_PKEY_free);
  if (key) return PrivateKey(std::move(key));
  if (!answer.asked) throw Error(ErrorKind::malformed, source + " is not a private key in PEM");
  if (!password) throw Error(ErrorKind::crypto, source + " is encrypted", "give its password with --password-file");
  throw Error(ErrorKind::crypto, "cannot decrypt " + source + ": wrong password, or a damaged key");
}

bool PrivateKey::is_encrypted_pem(std::string_view pem) {
  return pem.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos ||
         pem.find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos;
}

Secret PrivateKey::to_pem() const { return Secret(encode(native(), nullptr, Secret())); }

std::string PrivateKey::to_encrypted_pem(const Secret& password) const {
  return encode(native(), EVP_aes_256_cbc(), password);
}

PublicKey PrivateKey::public_key() const { return PublicKey::from_native(native()); }

bool operator==(const PrivateKey& a, const PrivateKey& b) { return EVP_PKEY_eq(a.native(), b.native()) == 1; }

std::optional<KeyType> PrivateKey::type() const {
  if (EVP_PKEY_is_a(native(), "ED25519") == 1) return KeyType::ed25519;
  if (const auto curve = curve_name(native()); !curve.empty()) return type_of_curve(curve);
  if (EVP_PKEY_is_a(native(), "RSA") != 1) return std::nullopt;
  switch (EVP_PKEY_get_bits(native())) {
    case 2048: return KeyType::rsa_2048;
    case 3072: return KeyType::rsa_3072;
    case 4096: return KeyType::rsa_4096;
    default: return std::nullopt;
  }
}

}  // namespace everleaf
