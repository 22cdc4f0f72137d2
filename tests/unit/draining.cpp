// SPDX-License-Identifier: Apache-2.0
// With the workers of a real nginx: tests/ca/test_draining.py.
#include <everleaf/lifecycle/draining.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2};

ProxyState owing(std::optional<Time> deadline) { return {.owed = {{"web", Fingerprint::of("web"), now, deadline}}}; }

Time alarm_with(seconds left) { return *alarm_time({1, "1", now, now + left}); }

}  // namespace

TEST_CASE(
    "it is alarming an hour before the certificate ends, or with a quarter of the time left, or if it has ended") {
  CHECK(alarm_with(8h) == now + 7h);
  CHECK(alarm_with(4h) == now + 3h);
  CHECK(alarm_with(20min) == now + 15min);
  CHECK(alarm_with(-20min) <= now);
  CHECK(!alarm_time({1, "1", now, std::nullopt}));
}

TEST_CASE("a worker has the first deadline of what is owed, and keeps that through later reloads") {
  auto account = owing(now + 8h);
  account.owed.push_back({"mail", Fingerprint::of("mail"), now, now + 6h});
  note_draining(account, {{1, "a"}}, now);
  account.owed = owing(now + 20h).owed;
  note_draining(account, {{1, "a"}, {1, "b"}}, now + 1h);
  CHECK(account.draining == std::vector<DrainingWorker>{{1, "a", now, now + 6h}, {1, "b", now + 1h, now + 20h}});
  CHECK(draining_deadline(account) == now + 6h);
  CHECK(!outlived_deadline(account, now + 5h - 1s));
  CHECK(outlived_deadline(account, now + 5h) == now + 6h);
}

TEST_CASE("of whom nobody knows what he has nothing is alarming") {
  auto account = owing(std::nullopt);
  note_draining(account, {{1, "a"}}, now);
  CHECK(account.draining.size() == 1);
  CHECK(!outlived_deadline(account, now + 1000h));
}

TEST_CASE("who has ended is forgotten") {
  auto account = owing(now + 8h);
  note_draining(account, {{1, "of no worker"}}, now);
  const auto look = look_at_draining(account, now);
  CHECK(look.changed);
  CHECK(account.draining.empty());
  CHECK(!look.again);
  CHECK(!look_at_draining(account, now).changed);
}
