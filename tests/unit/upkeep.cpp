// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/upkeep.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time start = sys_days{2026y / January / 2};

PairOnDisk pair_of(seconds lifetime, const std::string& seed = "leaf", Time begin = start) {
  return {{begin, begin + lifetime}, Fingerprint::of(seed)};
}

std::string step_of(const PairOnDisk& pair, const UpkeepRule& rule, const Attempts& attempts,
                    const std::optional<OwedHook>& owed, Time now) {
  static const std::vector<std::string> names{"wait", "renew", "run hook"};
  return names.at(next_step(pair, rule, attempts, owed, now).index());
}

// A host on which what next_step() says is done, in time that passes as fast as it can.
struct Host {
  UpkeepRule rule;
  seconds lifetime;
  seconds backdated{60};
  bool ca_is_away = false;
  bool hook_fails = false;
  Time now = start;
  unsigned requests = 0, renewals = 0, hook_runs = 0, expired = 0, actions = 0;
  Attempts attempts{};
  std::optional<OwedHook> owed{};
  PairOnDisk pair = pair_of(lifetime, "first");

  void run_until(Time end) {
    while (true) {
      const auto step = next_step(pair, rule, attempts, owed, now);
      if (const auto* waiting = std::get_if<WaitUntil>(&step)) {
        if (waiting->when >= end) break;
        REQUIRE(waiting->when > now);
        now = waiting->when;
      } else {
        REQUIRE(++actions < 1'000'000);
        std::holds_alternative<Renew>(step) ? renew() : run_hook();
      }
    }
    now = end;
  }

  void renew() {
    ++requests;
    expired += pair.validity.not_after <= now;
    if (ca_is_away) return note_failure(attempts, Error(ErrorKind::connection, "away"), now);
    pair = pair_of(lifetime + backdated, std::to_string(++renewals), now - backdated);
    attempts = {.last_success = now};
    owed = OwedHook{};
  }
  void run_hook() {
    ++hook_runs;
    if (!hook_fails) return owed.reset();
    ++owed->failures;
    owed->last_failure = now;
  }
};

}  // namespace

TEST_CASE("a daemon of one certificate renews in the twentieth of its life before a third is left") {
  for (const auto* seed : {"a", "b", "c", "d", "e"}) {
    const auto pair = pair_of(24h, seed);
    const Time due = renewal_time(pair, UpkeepRule{});
    CHECK(due <= start + 16h);
    CHECK(due > start + 16h - 72min);
    CHECK(step_of(pair, {}, {}, {}, due - 1s) == "wait");
    CHECK(step_of(pair, {}, {}, {}, due) == "renew");
  }
  CHECK(renewal_time(pair_of(24h, "a"), UpkeepRule{}) != renewal_time(pair_of(24h, "b"), UpkeepRule{}));
}

TEST_CASE("a daemon of one certificate renews when its owner wants it") {
  const auto pair = pair_of(24h);
  CHECK(renewal_time(pair, UpkeepRule{.expires_in = 20h}) <= start + 4h);
  CHECK(renewal_time(pair, UpkeepRule{.expires_in = 20h}) > start + 4h - 72min);
  CHECK(renewal_time(pair, UpkeepRule{.period = 10h}) == start + 10h);
}

TEST_CASE("a year of renewals, each with its hook") {
  Host host{.rule = {}, .lifetime = 24h};
  host.run_until(start + days(365));
  CHECK(host.renewals >= 540);
  CHECK(host.renewals <= 600);
  CHECK(host.requests == host.renewals);
  CHECK(host.hook_runs == host.renewals);
  CHECK(host.expired == 0);
}

TEST_CASE("what would be due as soon as it is there does not become a storm") {
  const struct {
    UpkeepRule rule;
    seconds lifetime;
  } cases[] = {
      {{.expires_in = 24h}, 24h}, {{.expires_in = 24h}, 1h}, {{.period = 30s}, 24h}, {{.expires_in = 1h}, 5min}};
  for (const auto& [rule, lifetime] : cases) {
    Host host{.rule = rule, .lifetime = lifetime};
    host.run_until(start + 24h);
    CHECK(host.renewals <= 24h / (lifetime / 4) + 1);
    CHECK(host.expired == 0);
  }
}

TEST_CASE("a CA that is away is asked again in time, and not every minute") {
  Host host{.rule = {}, .lifetime = 24h};
  host.run_until(start + 14h);
  host.ca_is_away = true;
  host.run_until(start + 21h);
  CHECK(host.renewals == 0);
  CHECK(host.requests >= 3);
  CHECK(host.requests <= 12);
  host.ca_is_away = false;
  host.run_until(start + 24h);
  CHECK(host.renewals == 1);
  CHECK(host.expired == 0);
}

TEST_CASE("a CA that asks for patience gets it") {
  const auto pair = pair_of(24h);
  Attempts attempts;
  note_failure(attempts, Error(ErrorKind::throttled, "later").set_retry_after(2h), start + 17h);
  CHECK(std::get<WaitUntil>(next_step(pair, {}, attempts, {}, start + 17h)).when == start + 19h);
}

TEST_CASE("a hook that fails is run again until it works") {
  Host host{.rule = {}, .lifetime = 24h, .hook_fails = true};
  host.run_until(start + 20h);
  REQUIRE(host.renewals == 1);
  CHECK(host.hook_runs >= 6);
  CHECK(host.hook_runs <= 15);
  host.hook_fails = false;
  host.run_until(start + 21h);
  CHECK_FALSE(host.owed);
}

TEST_CASE("a hook that still fails when the next certificate comes is run for that at once") {
  const auto pair = pair_of(24h);
  CHECK(step_of(pair, {}, {}, OwedHook{7, start + 17h}, start + 17h + 1min) == "renew");
  CHECK(step_of(pair, {}, {}, OwedHook{}, start + 1h) == "run hook");
}

TEST_CASE("a failure of the future, from before the clock was set back, holds up nothing") {
  const auto pair = pair_of(24h);
  Attempts attempts;
  note_failure(attempts, Error(ErrorKind::connection, "away"), start + 1000h);
  CHECK(step_of(pair, {}, attempts, {}, start + 17h) == "renew");
  CHECK(step_of(pair, {}, {}, OwedHook{3, start + 1000h}, start + 1h) == "run hook");
}

TEST_CASE("a hook has until the next renewal, but half a minute, and no more than an hour") {
  CHECK(time_for_hook(0s) == 30s);
  CHECK(time_for_hook(10min) == 10min);
  CHECK(time_for_hook(15h) == 1h);
}
