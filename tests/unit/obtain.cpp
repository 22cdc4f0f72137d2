// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/obtain.hpp>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <everleaf/jose/base64.hpp>
#include <tests/support/failure.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using nlohmann::json;

namespace {

Secret token_of(const json& claims) {
  json all{{"sub", "b.test"}, {"aud", "https://ca.internal/1.0/sign"}};
  all.update(claims);
  return Secret(base64url(R"({"alg":"ES256"})") + "." + base64url(all.dump()) + ".c2ln");
}

void require_for_b(const Secret& token) { require_token_for(token, "b.test", {"b.test", "10.0.0.1"}); }

Error error_of(const Secret& token) {
  return failure([&] { require_for_b(token); });
}

std::string hint_for(const std::string& subject, const std::vector<std::string>& names) {
  return failure([&] { require_token_for(Secret(), subject, names); }).hint();
}

}  // namespace

TEST_CASE("a token for the subject and the names of a certificate is good for it, in whatever order and notation") {
  CHECK_NOTHROW(require_for_b(token_of({{"sans", {"10.0.0.1", "b.test"}}})));
  CHECK_NOTHROW(require_for_b(token_of({{"sans", {"b.test", "::ffff:10.0.0.1"}}})));
}

TEST_CASE("a token that does not fit says what it is for, and what it is not for") {
  const auto text = [](const json& claims) { return std::string(error_of(token_of(claims)).what()); };
  CHECK(text({{"sub", "c.test"}}) == R"(the token is for "c.test", not for "b.test")");
  CHECK(text({{"sans", {"b.test"}}}) == "the token is not for 10.0.0.1");
  CHECK(text({{"sans", {"b.test", "10.0.0.1", "10.0.0.2"}}}) == "the token is also for 10.0.0.2");
  CHECK(text({{"sans", {"c.test", "10.0.0.1"}}}) == "the token is for c.test, not for b.test");
}

TEST_CASE("names of a kind that is not asked for do not matter, as they do not to the CA") {
  CHECK_NOTHROW(require_for_b(token_of({{"sans", {"b.test", "10.0.0.1", "b@b.test"}}})));
}

TEST_CASE("a token that does not say for what it is is left to the CA") {
  CHECK_NOTHROW(require_for_b(token_of(json::object())));
  CHECK_NOTHROW(require_for_b(token_of({{"sha", std::string(64, 'a')}, {"cnf", {{"x5rt#S256", "a"}}}})));
  for (const auto* audience : {"", "https://kubernetes.default.svc", "https://ca.internal/1.0/sign#gcp/cloud"})
    CHECK_NOTHROW(require_for_b(token_of({{"sub", "system:serviceaccount:default:web"}, {"aud", audience}})));
}

TEST_CASE("that a token has expired is said by who has a clock for it") {
  const auto now = *parse_time("2026-01-02T00:00:00Z");
  const auto last = now.time_since_epoch().count();
  const auto require = [&](const json& exp) { require_token_for(token_of({{"exp", exp}}), "b.test", {"b.test"}, now); };
  for (const json& exp : {json(last + 1), json("soon"), json(-1), json(1e300)}) CHECK_NOTHROW(require(exp));
  for (const json& exp : {json(last), json(static_cast<double>(last) + 0.5), json(0)})
    CHECK(failure([&] { require(exp); }).what() ==
          "the token has expired, at " + format_time(Time(std::chrono::seconds(exp.get<std::int64_t>()))));
  CHECK_NOTHROW(require_for_b(token_of({{"exp", last}})));
}

TEST_CASE("whatever is wrong with a token, the hint is the command that makes the right one") {
  for (const auto& token : {Secret(), Secret("a.b"), token_of({{"sub", "c.test"}}), token_of({{"sans", {"b.test"}}})})
    CHECK(error_of(token).hint() == R"("everleaf ca token b.test --san b.test --san 10.0.0.1" makes one)");
  CHECK(hint_for("b.test", {"b.test"}) == R"("everleaf ca token b.test" makes one)");
  CHECK(hint_for("Bob's", {"*.b.test"}) == R"("everleaf ca token 'Bob'\''s' --san '*.b.test'" makes one)");
}
