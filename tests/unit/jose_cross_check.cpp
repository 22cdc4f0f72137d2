// SPDX-License-Identifier: Apache-2.0
// Our JOSE against Latchset's, the tool `jose` (Debian: jose). It does not know Ed25519.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <everleaf/jose/jwe.hpp>
#include <everleaf/jose/jwk.hpp>
#include <everleaf/jose/jws.hpp>
#include <tests/support/output_of.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;

namespace {

// The command with `text` as its file /dev/fd/3.
std::string output_of_with(const std::string& command, const std::string& text) {
  return output_of(command + " 3<<'END'\n" + text + "\nEND\n");
}

// An RSA key takes too long to make.
std::string key_for(const std::string& algorithm) {
  if (algorithm == "RS256") return test_data("jose/rfc7515-a2.jwk");
  return output_of("jose jwk gen -i '{\"alg\":\"" + algorithm + "\"}'");
}

std::string encrypt(const std::string& algorithm, const std::string& encryption) {
  const nlohmann::json header{{"alg", algorithm}, {"enc", encryption}, {"p2c", 1000}};
  return output_of_with(
      "printf 'the plain text' | jose jwe enc -c -I - -k /dev/fd/3 -i '{\"protected\":" + header.dump() + "}'",
      R"({"kty":"oct","k":"cGFzc3dvcmQ"})");
}

}  // namespace

TEST_CASE("what jose encrypts with a password, we decrypt") {
  for (const auto* algorithm : {"PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"})
    for (const auto* encryption : {"A128GCM", "A256GCM", "A128CBC-HS256"})
      CHECK(decrypt_jwe(encrypt(algorithm, encryption), Secret("password")).reveal() == "the plain text");
}

TEST_CASE("what we sign, jose verifies, and our thumbprints are jose's") {
  for (const std::string algorithm : {"ES256", "ES384", "ES512", "RS256"}) {
    const auto jwk = key_for(algorithm);
    const auto key = private_key_from_jwk(jwk, "the key");
    CHECK(jws_algorithm(key) == algorithm);
    CHECK(jwk_thumbprint(key) == output_of_with("jose jwk thp -i /dev/fd/3", jwk));
    const auto token = sign_jws("{\"alg\":\"" + algorithm + "\"}", "the payload", key);
    CHECK(output_of_with("printf %s '" + token + "' | jose jws ver -i - -k /dev/fd/3 -O -", jwk) == "the payload");
  }
}
