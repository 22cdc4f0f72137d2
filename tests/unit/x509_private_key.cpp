// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/private_key.hpp>

#include <doctest/doctest.h>

#include <tests/support/kind_of_error.hpp>
#include <tests/support/output_of.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;

namespace {

PrivateKey read(const std::string& file, const std::optional<Secret>& password = std::nullopt) {
  return PrivateKey::from_pem(test_data("x509/keys/" + file), file, password);
}

// What an openssl command makes of our PEM.
std::string as_openssl_reads(const std::string& command, const Secret& pem) {
  return output_of(command + " <<'END'\n" + std::string(pem.reveal()) + "END\n");
}

}  // namespace

TEST_CASE("each kind of key is generated, written and read again") {
  for (const auto type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521, KeyType::ed25519, KeyType::rsa_2048}) {
    const auto key = PrivateKey::generate(type);
    const auto again = PrivateKey::from_pem(key.to_pem().reveal(), "our own key");
    CHECK(key.type() == type);
    CHECK(again.type() == type);
    CHECK(again == key);
    CHECK(again.to_pem() == key.to_pem());
    CHECK_FALSE(PrivateKey::generate(KeyType::ec_p256) == key);
  }
}

TEST_CASE("keys are written in the forms that step writes") {
  CHECK(PrivateKey::generate(KeyType::ec_p256).to_pem().reveal().starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
  CHECK(PrivateKey::generate(KeyType::ed25519).to_pem().reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
  CHECK(read("rsa_2056.key").to_pem().reveal().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
  CHECK(read("ec_pkcs8.key").to_pem().reveal() == test_data("x509/keys/ec_sec1.key") + "\n");
  CHECK(read("rsa_2048.key").to_pem().reveal() == test_data("x509/keys/rsa_2048.key") + "\n");
  CHECK(read("ed25519.key").to_pem().reveal() == test_data("x509/keys/ed25519.key") + "\n");
}

TEST_CASE("openssl reads the keys that we write") {
  const auto key = PrivateKey::generate(KeyType::ec_p384).to_pem();
  CHECK(as_openssl_reads("openssl ec 2>/dev/null", key) == key.reveal());
  const auto edwards = PrivateKey::generate(KeyType::ed25519).to_pem();
  CHECK(as_openssl_reads("openssl pkey", edwards) == edwards.reveal());
}

TEST_CASE("every PEM form of one key is the same key") {
  const auto key = read("ec_sec1.key");
  CHECK(read("ec_pkcs8.key") == key);
  CHECK(read("ec_legacy_encrypted.key", Secret("secret")) == key);
  CHECK(read("ec_pkcs8_encrypted.key", Secret("secret")) == key);
  CHECK(read("ec_sec1.key", Secret("not needed")) == key);
  CHECK(read("ec_with_parameters.key").type() == KeyType::ec_p256);
}

TEST_CASE("a key of a kind that step-ca does not sign has no type") {
  CHECK(read("secp256k1.key").type() == std::nullopt);
  CHECK(read("rsa_2056.key").type() == std::nullopt);
}

TEST_CASE("an encrypted key is known by its PEM, and needs its password") {
  for (const auto* file : {"ec_legacy_encrypted.key", "ec_pkcs8_encrypted.key"}) {
    CHECK(PrivateKey::is_encrypted_pem(test_data("x509/keys/" + std::string(file))));
    for (const auto& password :
         {std::optional<Secret>{}, {Secret("wrong")}, {Secret("")}, {Secret(std::string(5000, 'x'))}})
      CHECK(kind_of_error([&] { read(file, password); }) == ErrorKind::crypto);
  }
  CHECK(!PrivateKey::is_encrypted_pem(test_data("x509/keys/ec_sec1.key")));
}

TEST_CASE("what is no private key in PEM is malformed") {
  const auto pem = test_data("x509/keys/ec_sec1.key");
  for (const auto& text : {std::string(), std::string("key"), test_data("x509/keys/public.pem"),
                           test_data("x509/leaf.crt"), pem.substr(0, 100), pem.substr(40)})
    CHECK_MESSAGE(kind_of_error([&] { PrivateKey::from_pem(text, "the key"); }) == ErrorKind::malformed, text);
}

TEST_CASE("key types have names") {
  for (const auto type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521, KeyType::ed25519, KeyType::rsa_2048,
                          KeyType::rsa_3072, KeyType::rsa_4096})
    CHECK(parse_key_type(to_string(type)) == type);
  CHECK(to_string(KeyType::ec_p256) == "ec-p256");
  CHECK(!parse_key_type("rsa"));
  CHECK(!parse_key_type(""));
}
