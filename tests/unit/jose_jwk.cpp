// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwk.hpp>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;
using nlohmann::json;

namespace {

json key_of(const std::string& file) { return json::parse(test_data(file)); }

ErrorKind refusal(const json& jwk) {
  return kind_of_error([&] { private_key_from_jwk(jwk.dump(), "the key"); });
}

json with(json jwk, const char* member, const json& value) {
  jwk[member] = value;
  return jwk;
}

}  // namespace

TEST_CASE("the thumbprint of RFC 7638 comes out") {  // section 3.1
  const auto key = private_key_from_jwk(test_data("jose/rfc7517-a2.jwk"), "the key");
  CHECK(jwk_thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST_CASE("the thumbprint of RFC 8037 comes out") {  // appendix A.3
  const auto key = private_key_from_jwk(test_data("jose/rfc8037-a.jwk"), "the key");
  CHECK(public_jwk(key) == R"({"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  CHECK(jwk_thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST_CASE("keys of the RFCs are read as what they are") {
  const auto type = [](const std::string& file) { return private_key_from_jwk(test_data(file), "the key").type(); };
  CHECK(type("jose/rfc7515-a2.jwk") == KeyType::rsa_2048);
  CHECK(type("jose/rfc7515-a3.jwk") == KeyType::ec_p256);
  CHECK(type("jose/rfc7515-a4.jwk") == KeyType::ec_p521);
  CHECK(type("jose/rfc8037-a.jwk") == KeyType::ed25519);
}

TEST_CASE("the public JWK says what the private one said") {
  for (const auto* file : {"jose/rfc7515-a2.jwk", "jose/rfc7515-a3.jwk", "jose/rfc7515-a4.jwk", "jose/rfc8037-a.jwk"}) {
    const auto jwk = key_of(file);
    const auto shown = json::parse(public_jwk(private_key_from_jwk(jwk.dump(), "the key")));
    for (const auto& [member, value] : shown.items()) CHECK(value == jwk[member]);
  }
}

TEST_CASE("a JWK with something missing is malformed") {
  for (const auto* file : {"jose/rfc7515-a2.jwk", "jose/rfc7515-a3.jwk", "jose/rfc8037-a.jwk"}) {
    const auto jwk = key_of(file);
    for (const auto& [member, value] : jwk.items()) {
      auto less = jwk;
      less.erase(member);
      CHECK_MESSAGE(refusal(less) == ErrorKind::malformed, file, " without ", member);
      for (const json& other : {json(7), json(nullptr), json(""), json::array({value}), json::object({{"a", value}}),
                                json("not base64url!"), json(value.get<std::string>() + "=")})
        CHECK_MESSAGE(refusal(with(jwk, member.c_str(), other)) == ErrorKind::malformed, member, " ", other.dump());
    }
  }
}

TEST_CASE("what is no JWK is malformed") {
  for (const auto* text : {"", "{", "[]", "null", "\"text\"", "7", "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
                           "{\"kty\":\"EC\",\"crv\":\"secp256k1\"}", "{\"kty\":\"OKP\",\"crv\":\"X25519\"}"})
    CHECK_MESSAGE(kind_of_error([&] { private_key_from_jwk(text, "the key"); }) == ErrorKind::malformed, text);
}

TEST_CASE("coordinates have the length of their curve") {  // RFC 7518, section 6.2.1.2
  const auto jwk = key_of("jose/rfc7515-a3.jwk");
  for (const auto* member : {"x", "y", "d"}) {
    const auto value = jwk[member].get<std::string>();
    CHECK(refusal(with(jwk, member, "AAAA" + value)) == ErrorKind::malformed);
    CHECK(refusal(with(jwk, member, value.substr(4))) == ErrorKind::malformed);
  }
  CHECK(refusal(with(jwk, "crv", "P-384")) == ErrorKind::malformed);
}

TEST_CASE("numbers that do not belong together are no key") {
  const auto ec = key_of("jose/rfc7515-a3.jwk");
  const std::string zeros(43, 'A');
  CHECK(refusal(with(ec, "d", "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE")) ==
        ErrorKind::crypto);  // of RFC 7517, A.2
  CHECK(refusal(with(ec, "d", zeros)) == ErrorKind::crypto);
  CHECK(refusal(with(ec, "d", std::string(42, '_') + "8")) == ErrorKind::crypto);  // beyond the group's order
  CHECK(refusal(with(ec, "x", zeros)) == ErrorKind::crypto);                       // not on the curve
  CHECK(refusal(with(ec, "y", ec["x"])) == ErrorKind::crypto);
  CHECK(refusal(with(key_of("jose/rfc8037-a.jwk"), "x", zeros)) == ErrorKind::crypto);
  const auto rsa = key_of("jose/rfc7515-a2.jwk");
  for (const auto* member : {"n", "e", "d", "p", "q", "dp", "dq", "qi"})
    CHECK_MESSAGE(refusal(with(rsa, member, "AQAD")) == ErrorKind::crypto, member);
}

TEST_CASE("an RSA key of unreasonable size is malformed") {
  CHECK(refusal(with(key_of("jose/rfc7515-a2.jwk"), "n", std::string(1400, 'A'))) == ErrorKind::malformed);
}

TEST_CASE("errors about a JWK name the source and never the private number") {
  const auto jwk = key_of("jose/rfc7515-a3.jwk");
  const auto d = jwk["d"].get<std::string>();
  for (const auto& other : {d + "!", d + "AAAA", "A" + d.substr(1)}) try {
      private_key_from_jwk(with(jwk, "d", other).dump(), "the key of admin");
      FAIL("accepted " << other);
    } catch (const Error& error) {
      const std::string text = error.what();
      CHECK(text.starts_with("the key of admin"));
      CHECK(text.find(d.substr(1)) == std::string::npos);
    }
}
