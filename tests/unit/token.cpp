// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/token.hpp>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/jwk.hpp>
#include <everleaf/jose/jws.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_ca.hpp>
#include <tests/support/verify_jws.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;
using nlohmann::json;

namespace {

const Time now = sys_days{2026y / January / 2};

struct Taken {
  json header;
  json payload;
};

Taken take_apart(const Secret& token) {
  const auto parts = unverified_jws_parts(token.reveal(), "the token");
  return {json::parse(parts.header), json::parse(parts.payload)};
}

Secret token_of(const std::string& payload) {
  return Secret(base64url(R"({"alg":"ES256"})") + "." + base64url(payload) + ".c2ln");
}

const ProvisionToken request{.issuer = "admin",
                             .key_id = "a key",
                             .audience = "https://ca.internal:9443/1.0/sign",
                             .subject = "myuser",
                             .names = {"myuser", "10.0.0.7"},
                             .root = Fingerprint::of("root"),
                             .validity = {now, now + 5min}};

}  // namespace

TEST_CASE("an X5C provisioner's token shows the chain of the certificate whose key signs it") {
  const TestCa ca;
  const auto identity = ca.issue();
  auto with_chain = request;
  with_chain.x5c = identity.chain;
  const auto token = sign_token(with_chain, identity.key);
  CHECK(verifies(std::string(token.reveal()), identity.key));
  const auto header = take_apart(token).header;
  CHECK(header["x5c"] == json{base64(identity.chain[0].to_der()), base64(identity.chain[1].to_der())});
  CHECK(!header.contains("x5cInsecure"));
}

TEST_CASE("a provisioner's token says what step-ca wants to read, signed by its key") {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const auto token = sign_token(request, key);
  CHECK(verifies(std::string(token.reveal()), key));
  auto [header, payload] = take_apart(token);
  CHECK(header == json{{"alg", "ES256"}, {"kid", "a key"}, {"typ", "JWT"}});
  CHECK(payload["jti"].get<std::string>().size() == 64);
  payload.erase("jti");
  CHECK(payload == json{{"iss", "admin"},
                        {"aud", "https://ca.internal:9443/1.0/sign"},
                        {"sub", "myuser"},
                        {"sans", {"myuser", "10.0.0.7"}},
                        {"sha", Fingerprint::of("root").hex()},
                        {"iat", now.time_since_epoch().count()},
                        {"nbf", now.time_since_epoch().count()},
                        {"exp", now.time_since_epoch().count() + 300}});
}

TEST_CASE("what a token does not need to say is left out") {
  auto bare = request;
  bare.names = {};
  bare.root.reset();
  const auto payload = take_apart(sign_token(bare, PrivateKey::generate(KeyType::ec_p256))).payload;
  CHECK(!payload.contains("sans"));
  CHECK(!payload.contains("sha"));
}

TEST_CASE("the algorithm follows from the key") {
  for (const auto& [type, algorithm] : {std::pair(KeyType::ec_p256, "ES256"), std::pair(KeyType::ec_p384, "ES384"),
                                        std::pair(KeyType::ed25519, "EdDSA"), std::pair(KeyType::rsa_2048, "RS256")})
    CHECK(take_apart(sign_token(request, PrivateKey::generate(type))).header["alg"] == algorithm);
}

TEST_CASE("no two tokens are the same, since the CA takes each only once") {
  const auto identity = TestCa().issue();
  CHECK(sign_token(request, identity.key).reveal() != sign_token(request, identity.key).reveal());
  const auto id = [&] { return take_apart(make_renew_token(identity, "https://ca/renew", now)).payload["jti"]; };
  CHECK(id() != id());
}

TEST_CASE("a renewal token carries the whole chain, leaf first, and is signed by the leaf's key") {
  const auto identity = TestCa().issue({.subject = "myuser"});
  const auto token = make_renew_token(identity, "https://ca.internal/renew", now);
  CHECK(verifies(std::string(token.reveal()), identity.key));
  auto [header, payload] = take_apart(token);
  CHECK(header["kid"] == jwk_thumbprint(identity.key));
  CHECK(!header.contains("x5c"));
  REQUIRE(header["x5cInsecure"].size() == 2);
  CHECK(header["x5cInsecure"][0] == base64(identity.chain[0].to_der()));
  CHECK(header["x5cInsecure"][1] == base64(identity.chain[1].to_der()));
  payload.erase("jti");
  CHECK(payload == json{{"iss", "step-ca-client/1.0"},
                        {"aud", "https://ca.internal/renew"},
                        {"sub", "myuser"},
                        {"iat", now.time_since_epoch().count()},
                        {"nbf", now.time_since_epoch().count()},
                        {"exp", now.time_since_epoch().count() + 300}});
}

TEST_CASE("a client reads in a token where it leads") {
  const auto claims = read_token(sign_token(request, PrivateKey::generate(KeyType::ec_p256)));
  CHECK(claims.subject == request.subject);
  CHECK(claims.audience == request.audience);
  CHECK(claims.names == request.names);
  CHECK(claims.root == request.root);
}

TEST_CASE("a token that says little is read as far as it goes") {
  CHECK(read_token(token_of("{}")).subject.empty());
  CHECK(read_token(token_of(R"({"aud":["first","second"]})")).audience == "first");
  CHECK(read_token(token_of(R"({"sans":["a",5,"b"]})")).names == std::vector<std::string>{"a", "b"});
  CHECK(read_token(token_of(R"({"sans":"a"})")).names.empty());
  CHECK(!read_token(token_of(R"({"sha":"abc"})")).root);
}

TEST_CASE("what is no token is malformed, and is not quoted") {
  const std::string deep(100, '[');
  for (const auto& text :
       {std::string(), std::string("secret"), std::string("a.b"), std::string("!!.!!.!!"),
        std::string(token_of("secret").reveal()), std::string(token_of("[1]").reveal()),
        std::string(token_of("5").reveal()), std::string(token_of(R"({"sub":5})").reveal()),
        std::string(token_of(R"({"sub":"secret"} x)").reveal()), std::string(token_of(R"({"aud":{}})").reveal()),
        std::string(token_of(R"({"aud":[]})").reveal()), std::string(token_of(deep).reveal())}) {
    CHECK_MESSAGE(kind_of_error([&] { read_token(Secret(text)); }) == ErrorKind::malformed, text);
    try {
      read_token(Secret(text));
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
    }
  }
}
