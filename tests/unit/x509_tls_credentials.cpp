// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/tls_credentials.hpp>

#include <doctest/doctest.h>

#include <tests/support/output_of.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;

TEST_CASE("an EC key shows whose it is without being parsed, in both of its forms") {
  const testing::TestCa ca;
  for (const auto type : {KeyType::ec_p256, KeyType::ec_p384, KeyType::ec_p521}) {
    const auto key = PrivateKey::generate(type);
    const auto identity = ca.issue({}, key);
    const std::string pem(key.to_pem().reveal());
    CHECK(visibly_matches(pem, identity.leaf()));
    CHECK(visibly_matches(output_of("openssl pkcs8 -topk8 -nocrypt <<'END'\n" + pem + "END\n"), identity.leaf()));
    CHECK_FALSE(visibly_matches(PrivateKey::generate(type).to_pem().reveal(), identity.leaf()));
  }
}

TEST_CASE("what is no private key is never taken for the one of a certificate") {
  const testing::TestCa ca;
  const auto identity = ca.issue();
  const std::string key(identity.key.to_pem().reveal());
  CHECK_FALSE(visibly_matches(identity.leaf().to_pem(), identity.leaf()));
  CHECK_FALSE(visibly_matches(output_of("openssl pkey -pubout <<'END'\n" + key + "END\n"), identity.leaf()));
  CHECK_FALSE(visibly_matches(key.substr(0, key.size() / 2), identity.leaf()));
  CHECK_FALSE(visibly_matches("", identity.leaf()));
}
