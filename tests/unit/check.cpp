// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/check.hpp>

#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2} + 1h;
const Name myuser{Name::Kind::dns, "myuser"};

std::string joined(const std::vector<std::string>& reasons) {
  std::string all;
  for (const auto& reason : reasons) all += (all.empty() ? "" : "; ") + reason;
  return all;
}

struct Sample {
  TestCa ca;
  PrivateKey key = PrivateKey::generate(KeyType::ec_p256);
  ExpectedCertificate expected{key, {myuser}, std::nullopt, std::nullopt};

  std::vector<Certificate> chain(const Recipe& recipe = {}) const { return ca.issue(recipe, key).chain; }
  std::string reasons(const std::vector<Certificate>& chain) const {
    return joined(reasons_against(chain, expected, std::vector{ca.root()}, now));
  }
  std::string reasons(const Recipe& recipe) const { return reasons(chain(recipe)); }
};

Validity lasting(seconds before, seconds after) { return {now - before, now + after}; }

}  // namespace

TEST_CASE("what was asked for is accepted, with its key") {
  const Sample sample;
  const auto chain = sample.chain();
  CHECK(sample.reasons(chain) == "");
  const auto identity = accept(chain, sample.expected, std::vector{sample.ca.root()}, now);
  CHECK(identity.chain == chain);
  CHECK(identity.key == sample.key);
}

TEST_CASE("a certificate with more than was asked for is taken: templates of the CA may add to it") {
  const Sample sample;
  for (const auto& recipe :
       {Recipe{.names = "DNS:myuser,DNS:another,IP:10.0.0.7"}, Recipe{.usages = "clientAuth"},
        Recipe{.usages = "serverAuth,codeSigning"}, Recipe{.usages = ""}, Recipe{.constraints = "CA:FALSE"},
        Recipe{.validity = lasting(1h, 8760h)}, Recipe{.validity = lasting(-5min, 1h)}})
    CHECK(sample.reasons(recipe) == "");
}

TEST_CASE("each way in which a certificate can be wrong is a reason against it, and the only one") {
  const Sample sample;
  const struct {
    Recipe recipe;
    const char* reason;
  } cases[] = {
      {{.names = "DNS:another"}, "it has other names: asked for myuser, got another"},
      {{.names = ""}, "it has other names: asked for myuser, got no names"},
      {{.usages = "codeSigning"}, "it is not for TLS"},
      {{.constraints = "critical,CA:TRUE"}, "it is the certificate of a CA"},
      {{.validity = lasting(2h, -1s)}, "it expired at 2026-01-02T00:59:59Z"},
      {{.validity = lasting(2h, 0s)}, "it expired at 2026-01-02T01:00:00Z"},
      {{.validity = lasting(-301s, 1h)}, "it is valid only from 2026-01-02T01:05:01Z"},
  };
  for (const auto& one : cases) CHECK(sample.reasons(one.recipe) == one.reason);
}

TEST_CASE("a certificate for another key is refused") {
  const Sample sample;
  CHECK(sample.reasons(sample.ca.issue().chain) == "it was made for another key");
}

TEST_CASE("a certificate shorter than asked is refused, as long as asked is not") {
  Sample sample;
  sample.expected.lifetime = 24h;
  CHECK(sample.reasons({.validity = lasting(1h, 23h)}) == "");
  CHECK(sample.reasons({.validity = lasting(1h, 22h)}) == "it is shorter than asked: 23h0m0s instead of 24h0m0s");
}

TEST_CASE("a renewal has the names and usages of what it replaces, and does not end before it") {
  Sample sample;
  const Recipe before{.names = "DNS:myuser,DNS:another"};
  const auto end = before.validity.not_after;
  sample.expected.replaces = sample.chain(before).front();
  sample.expected.names = {};
  const auto renewal = [&](Recipe recipe, Time not_after) {
    recipe.validity = {now, not_after};
    return sample.reasons(recipe);
  };
  CHECK(renewal(before, end + 1s) == "");
  CHECK(renewal(before, end) == "");
  CHECK(renewal(before, end - 1s) == "it ends before the one it replaces");
  CHECK(renewal({}, end + 1h) == "it has other names than the one it replaces: myuser instead of another, myuser");
  auto recipe = before;
  recipe.subject = "somebody";
  CHECK(renewal(recipe, end + 1h).starts_with("it has other names than the one it replaces: "));
  recipe = before;
  recipe.usages = "clientAuth";
  CHECK(renewal(recipe, end + 1h) == "it has other usages than the one it replaces");
}

TEST_CASE("the very certificate that was to be replaced is no renewal") {
  Sample sample;
  const auto chain = sample.chain();
  sample.expected.replaces = chain.front();
  CHECK(sample.reasons(chain) == "it is the very one that was to be replaced");
}

TEST_CASE("a chain must be whole, in order, and lead to a trusted root") {
  const Sample sample;
  const auto chain = sample.chain();
  const auto leaf = chain.front();
  const auto intermediate = chain.back();
  CHECK(sample.reasons(std::vector{leaf, intermediate, sample.ca.root()}) == "");
  CHECK(sample.reasons(std::vector<Certificate>{}) == "there is no certificate");
  CHECK(sample.reasons(std::vector{leaf}).starts_with("its chain does not lead to a trusted root: "));
  CHECK(sample.reasons(std::vector{leaf, sample.ca.root(), intermediate}) == "its chain is not in order");
  const TestCa another("Another");
  const auto foreign = reasons_against(chain, sample.expected, std::vector{another.root()}, now);
  REQUIRE(foreign.size() == 1);
  CHECK(foreign.front().starts_with("its chain does not lead to a trusted root: "));
  CHECK(reasons_against(chain, sample.expected, std::vector{another.root(), sample.ca.root()}, now).empty());
  CHECK(!reasons_against(chain, sample.expected, std::vector<Certificate>(), now).empty());
}

TEST_CASE("all reasons are told at once, and nothing is accepted") {
  const Sample sample;
  const auto chain = sample.ca.issue({.names = "DNS:other\x1b[31m", .usages = "codeSigning"}).chain;
  try {
    accept(chain, sample.expected, std::vector{sample.ca.root()}, now);
    FAIL("it was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::wrong_certificate);
    const std::string text = error.what();
    for (const auto* reason : {"another key", "not for TLS", "other names"}) CHECK(text.find(reason) != text.npos);
    CHECK(text.find('\x1b') == text.npos);
    CHECK(!error.hint().empty());
  }
}
