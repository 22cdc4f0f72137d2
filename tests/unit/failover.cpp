// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/failover.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2};
const HttpsUrl a = HttpsUrl::parse("https://a.internal");
const HttpsUrl b = HttpsUrl::parse("https://b.internal:9443");
const HttpsUrl c = HttpsUrl::parse("https://c.internal");
Authority at(const HttpsUrl& first, const std::vector<HttpsUrl>& stand_ins) {
  return {.url = first, .root = Fingerprint{}, .stand_ins = stand_ins};
}
const Authority authority = at(a, {b, c});
const std::vector<HttpsUrl> as_configured{a, b, c};

AuthorityState stood_in(const HttpsUrl& url, Time since) { return {.stand_in = url.origin(), .stand_in_since = since}; }

bool always(const Error&) { return true; }

// What comes of asking all three, of which the first `broken` fail.
std::string asked_in_vain(unsigned broken, const std::function<bool(const Error&)>& go_on) {
  std::string asked;
  try {
    ask_in_turn(as_configured, 9s, go_on, [&](const HttpsUrl& url, milliseconds) {
      asked += url.host()[0];
      if (broken-- > 0) throw Error(ErrorKind::connection, "it is away", "look").set_retry_after(7s);
    });
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::connection);
    CHECK(error.hint() == "look");
    CHECK(error.retry_after() == 7s);
    asked += ": " + std::string(error.what());
  }
  return asked;
}

}  // namespace

TEST_CASE("the CA is asked where it is configured to be, in that order") {
  CHECK(in_turn(authority, {}, now) == as_configured);
  CHECK(in_turn(at(a, {}), stood_in(b, now), now) == std::vector{a});
}

TEST_CASE("a stand-in stays the first for an hour, then the order is the configured one") {
  const auto state = after_answer(authority, {}, b, now);
  CHECK(in_turn(authority, state, now) == std::vector{b, a, c});
  CHECK(in_turn(authority, state, now + 59min) == std::vector{b, a, c});
  CHECK(in_turn(authority, state, now + 1h) == as_configured);
  CHECK(in_turn(authority, state, now - 1s) == as_configured);  // the clock was set back
  CHECK(in_turn(at(a, {c}), state, now) == std::vector{a, c});
}

TEST_CASE("what a stand-in answers does not prolong its hour; what the preferred one answers ends it") {
  const auto first = after_answer(authority, {}, b, now);
  CHECK(after_answer(authority, first, b, now + 30min).stand_in_since == now);
  CHECK(after_answer(authority, first, b, now + 2h).stand_in_since == now + 2h);
  CHECK(after_answer(authority, first, c, now + 30min).stand_in == c.origin());
  CHECK(after_answer(authority, first, a, now + 30min).stand_in.empty());
}

TEST_CASE("the CA is back with the first answer after it was away") {
  CHECK(!after_answer(authority, {}, a, now).back);
  const auto back = after_answer(authority, {.is_away = true}, a, now);
  CHECK(back.back == now);
  CHECK(!back.is_away);
  CHECK(after_answer(authority, back, a, now + 1h) == back);
}

TEST_CASE("the next one is asked for as long as there is one, and nobody after an answer") {
  CHECK(asked_in_vain(0, always) == "a");
  CHECK(asked_in_vain(2, always) == "abc");
  CHECK(asked_in_vain(3, always) ==
        "abc: https://c.internal: it is away; before that https://b.internal:9443: it is away; before that "
        "https://a.internal: it is away");
  CHECK(asked_in_vain(1, [](const Error&) { return false; }) == "a: https://a.internal: it is away");
}

TEST_CASE("each gets an even share of the time, and what the others left of theirs") {
  std::vector<milliseconds> shares;
  ask_in_turn(as_configured, 9s, always, [&](const HttpsUrl& url, milliseconds share) {
    shares.push_back(share);
    if (url == c) return;
    throw Error(ErrorKind::connection, "it is away");
  });
  const std::vector<milliseconds> expected{3000ms, 4500ms, 9000ms};  // they failed at once
  REQUIRE(shares.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(shares[i] <= expected[i]);
    CHECK(shares[i] > expected[i] - 500ms);
  }
}

TEST_CASE("another CA is asked when one failed, not when it said no") {
  for (const auto kind : {ErrorKind::connection, ErrorKind::timed_out, ErrorKind::tls, ErrorKind::server})
    CHECK(is_failure_of_ca(kind));
  for (const auto kind : {ErrorKind::unauthorized, ErrorKind::forbidden, ErrorKind::refused,
                          ErrorKind::wrong_certificate, ErrorKind::cancelled, ErrorKind::storage})
    CHECK(!is_failure_of_ca(kind));
}
