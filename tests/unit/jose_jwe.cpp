// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwe.hpp>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/jwk.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;
using nlohmann::json;

namespace {

const Secret rfc7517_password("Thus from my lips, by yours, my sin is purged.");

ErrorKind refusal(const std::string& jwe) {
  return kind_of_error([&] { decrypt_jwe(jwe, rfc7517_password); });
}

// RFC 7517's JWE under another header.
std::string under(const std::string& header) {
  const auto jwe = test_data("jose/rfc7517-c.jwe");
  return base64url(header) + jwe.substr(jwe.find('.'));
}

std::string with(const char* member, const json& value) {
  auto header = json::parse(R"({"alg":"PBES2-HS256+A128KW","p2s":"2WCTcJZ1Rvd_CJuJripQ1w","p2c":4096,
                                "enc":"A128CBC-HS256","cty":"jwk+json"})");
  header[member] = value;
  return under(header.dump());
}

std::vector<std::string> parts_of(std::string jwe) {
  std::vector<std::string> parts;
  for (auto dot = jwe.find('.'); dot != std::string::npos; dot = jwe.find('.')) {
    parts.push_back(jwe.substr(0, dot));
    jwe.erase(0, dot + 1);
  }
  parts.push_back(jwe);
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string jwe;
  for (const auto& part : parts) jwe += (jwe.empty() ? "" : ".") + part;
  return jwe;
}

// `text` with the lowest bit of its first byte turned.
std::string turn_a_bit(const std::string& text) {
  auto bytes = decode_base64url(text).value();
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  return base64url(bytes);
}

}  // namespace

TEST_CASE("the JWE of RFC 7517 opens") {  // appendix C
  const auto plaintext = decrypt_jwe(test_data("jose/rfc7517-c.jwe"), rfc7517_password);
  CHECK(plaintext.reveal() == test_data("jose/rfc7517-c.jwk"));
  CHECK(private_key_from_jwk(plaintext.reveal(), "the key").type() == KeyType::rsa_2048);
}

TEST_CASE("the password-based JWE of RFC 7520 opens") {  // section 5.3
  const Secret password(
      "entrap_o\xe2\x80\x93peter_long\xe2\x80\x93"
      "credit_tun");
  CHECK(decrypt_jwe(test_data("jose/rfc7520-5.3.jwe"), password).reveal() == test_data("jose/rfc7520-5.3.txt"));
}

TEST_CASE("a provisioner's key as step-ca hands it out opens, and is the listed one") {
  const auto provisioner = json::parse(test_data("step/provisioner.json"));
  const auto plaintext = decrypt_jwe(provisioner["encryptedKey"].get<std::string>(), Secret("secret"));
  const auto key = private_key_from_jwk(plaintext.reveal(), "the key");
  CHECK(key.type() == KeyType::ec_p256);
  CHECK(jwk_thumbprint(key) == provisioner["key"]["kid"].get<std::string>());
}

TEST_CASE("a wrong password is told from a damaged JWE") {
  const auto jwe = test_data("jose/rfc7517-c.jwe");
  for (const auto* password : {"", "wrong", "Thus from my lips, by yours, my sin is purged"})
    CHECK(kind_of_error([&] { decrypt_jwe(jwe, Secret(password)); }) == ErrorKind::crypto);
  CHECK_THROWS_WITH(decrypt_jwe(jwe, Secret("wrong")), "wrong password");
}

TEST_CASE("a turned bit anywhere is found") {
  const auto parts = parts_of(test_data("jose/rfc7517-c.jwe"));
  for (const std::size_t part : {2U, 3U, 4U}) {
    auto damaged = parts;
    damaged[part] = turn_a_bit(parts[part]);
    CHECK_MESSAGE(refusal(join(damaged)) == ErrorKind::malformed, part);
  }
  auto damaged = parts;
  damaged[1] = turn_a_bit(parts[1]);  // looks like a wrong password, and cannot be told from one
  CHECK(refusal(join(damaged)) == ErrorKind::crypto);
  CHECK(refusal(with("cty", "jwk")) == ErrorKind::malformed);  // the header is authenticated as well
}

TEST_CASE("a JWE cut anywhere is refused") {
  const auto jwe = test_data("jose/rfc7517-c.jwe");
  for (std::size_t size = 0; size < jwe.size(); ++size)
    if (size < 330 || size % 97 == 0 || size > jwe.size() - 30)
      CHECK_MESSAGE(refusal(jwe.substr(0, size)) == ErrorKind::malformed, size);
}

TEST_CASE("parts that are too few, too many, too short or too long are malformed") {
  const auto parts = parts_of(test_data("jose/rfc7517-c.jwe"));
  auto more = parts;
  more.push_back("AAAA");
  CHECK(refusal(join(more)) == ErrorKind::malformed);
  for (std::size_t part = 0; part < 5; ++part)
    for (const auto& other : {std::string(), std::string("AAAA"), std::string(70'000, 'A'), parts[part] + "=",
                              parts[part] + "AAAA", " " + parts[part], parts[part].substr(2)}) {
      auto changed = parts;
      changed[part] = other;
      CHECK_MESSAGE(refusal(join(changed)) == ErrorKind::malformed, part, " ", other.substr(0, 40));
    }
}

TEST_CASE("an iteration count is a whole number from 1 to 10 million") {
  for (const json& count : {json(0), json(-1), json(10'000'001), json(4294971392), json(18446744073709551615U),
                            json("4096"), json(4096.0), json(1e300), json(nullptr), json(true), json::array({4096})})
    CHECK_MESSAGE(refusal(with("p2c", count)) == ErrorKind::malformed, count.dump());
  CHECK(refusal(with("p2c", 1)) == ErrorKind::crypto);  // in bounds, but another key
}

TEST_CASE("a salt has at least eight bytes") {  // RFC 7518, section 4.8.1.1
  for (const json& salt : {json(""), json("AAAA"), json("AAAAAAAAAA"), json("not base64url"), json(7), json(nullptr)})
    CHECK_MESSAGE(refusal(with("p2s", salt)) == ErrorKind::malformed, salt.dump());
  CHECK(refusal(with("p2s", "AAAAAAAAAAA")) == ErrorKind::crypto);
}

TEST_CASE("unknown algorithms and extensions are malformed") {
  for (const auto* algorithm : {"dir", "A128KW", "RSA-OAEP", "PBES2-HS256+A128KW ", "pbes2-hs256+a128kw"})
    CHECK_MESSAGE(refusal(with("alg", algorithm)) == ErrorKind::malformed, algorithm);
  for (const auto* encryption : {"A128CBC-HS512", "A256CBC-HS512", "none", "A192GCM"})
    CHECK_MESSAGE(refusal(with("enc", encryption)) == ErrorKind::malformed, encryption);
  CHECK(refusal(with("enc", "A128GCM")) == ErrorKind::malformed);  // known, but its sizes are others
  CHECK(refusal(with("zip", "DEF")) == ErrorKind::malformed);
  CHECK(refusal(with("crit", json::array({"exp"}))) == ErrorKind::malformed);
}

TEST_CASE("a header that is not a flat JSON object is malformed") {
  const std::string deep(5000, '[');
  for (const std::string& header : {std::string(), std::string("{}"), std::string("[]"), std::string("null"),
                                    std::string("\"alg\""), std::string(R"({"alg":{"alg":"dir"}})"),
                                    std::string(R"({"alg":"PBES2-HS256+A128KW"})"), deep, "{\"alg\":" + deep})
    CHECK_MESSAGE(refusal(under(header)) == ErrorKind::malformed, header.substr(0, 40));
}
