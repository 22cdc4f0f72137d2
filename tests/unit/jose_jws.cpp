// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jws.hpp>

#include <doctest/doctest.h>

#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/jwk.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_data.hpp>
#include <tests/support/verify_jws.hpp>

using namespace everleaf;

namespace {

PrivateKey key_of(const std::string& rfc) { return private_key_from_jwk(test_data("jose/" + rfc + ".jwk"), "the key"); }

std::string sign_again(const std::string& rfc) {
  const auto parts = unverified_jws_parts(test_data("jose/" + rfc + ".jws"), "the token");
  return sign_jws(parts.header, parts.payload, key_of(rfc));
}

}  // namespace

TEST_CASE("RSA and Ed25519 signatures are those of the RFCs") {
  CHECK(sign_again("rfc7515-a2") == test_data("jose/rfc7515-a2.jws"));
  CHECK(sign_again("rfc8037-a") == test_data("jose/rfc8037-a.jws"));
}

TEST_CASE("ECDSA signatures verify, the RFCs' and ours") {
  for (const auto* rfc : {"rfc7515-a3", "rfc7515-a4"}) {
    CHECK(verifies(test_data("jose/" + std::string(rfc) + ".jws"), key_of(rfc)));
    CHECK(verifies(sign_again(rfc), key_of(rfc)));
    CHECK(!verifies(sign_again("rfc8037-a"), key_of(rfc)));
  }
}

TEST_CASE("small numbers in an ECDSA signature keep their leading zeros") {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  for (int i = 0; i < 600; ++i) {  // one number in 256 begins with a zero byte
    const auto token = sign_jws("{}", std::to_string(i), key);
    CHECK(token.size() - token.rfind('.') - 1 == 86);
  }
}

TEST_CASE("every key has its algorithm") {
  const auto algorithm = [](KeyType type) { return jws_algorithm(PrivateKey::generate(type)); };
  CHECK(algorithm(KeyType::ec_p256) == "ES256");
  CHECK(algorithm(KeyType::ec_p384) == "ES384");
  CHECK(algorithm(KeyType::ec_p521) == "ES512");
  CHECK(algorithm(KeyType::ed25519) == "EdDSA");
  CHECK(jws_algorithm(key_of("rfc7515-a2")) == "RS256");
  const auto odd = PrivateKey::from_pem(test_data("x509/keys/rsa_2056.key"), "the key");
  CHECK(jws_algorithm(odd) == "RS256");
  const auto foreign = PrivateKey::from_pem(test_data("x509/keys/secp256k1.key"), "the key");
  CHECK(kind_of_error([&] { jws_algorithm(foreign); }) == ErrorKind::crypto);
  CHECK(kind_of_error([&] { jwk_thumbprint(foreign); }) == ErrorKind::crypto);
}

TEST_CASE("a token is taken apart") {
  const auto parts = unverified_jws_parts(test_data("jose/rfc7515-a3.jws"), "the token");
  CHECK(parts.header == R"({"alg":"ES256"})");
  CHECK(parts.payload == "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
}

TEST_CASE("what is no compact JWS is malformed, and not quoted") {
  for (const auto& text : {std::string(), std::string("secret"), std::string("c2VjcmV0.c2VjcmV0"),
                           std::string("c2VjcmV0.c2VjcmV0.c2VjcmV0.c2VjcmV0"), std::string("secret!.c2VjcmV0.c2VjcmV0"),
                           std::string("c2VjcmV0.c2VjcmV0.secret="), "c2VjcmV0.c2VjcmV0." + std::string(65536, 'A')})
    try {
      unverified_jws_parts(text, "the token");
      FAIL("accepted " << text.substr(0, 50));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      CHECK(std::string(error.what()).find("ecret") == std::string::npos);
      CHECK(std::string(error.what()).starts_with("the token"));
    }
}

TEST_CASE("the flattened form with a shared key is that of RFC 7515, appendix A.1") {
  const Secret key(
      *decode_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"));
  const std::string header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
  const std::string payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
  const auto jws = sign_jws_flattened(header, payload, key);
  CHECK(jws == R"({"protected":")" + base64url(header) + R"(","payload":")" + base64url(payload) +
                   R"(","signature":"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"})");
}

TEST_CASE("the flattened form has the parts of the compact one") {
  const auto key = key_of("rfc8037-a");
  const auto compact = sign_jws("{}", "payload", key);
  CHECK(sign_jws_flattened("{}", "payload", key) == R"({"protected":"e30","payload":"cGF5bG9hZA","signature":")" +
                                                        compact.substr(compact.rfind('.') + 1) + R"("})");
}
