// SPDX-License-Identifier: Apache-2.0
#include "agent/at_the_ca.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include <everleaf/error/error.hpp>
#include <tests/support/failure.hpp>

using namespace everleaf;
using namespace everleaf::agent;
using namespace everleaf::testing;

TEST_CASE("never more are at the CA than may be, and each has its turn") {
  AtTheCa ca(2);
  std::atomic<int> there = 0;
  std::atomic<int> most = 0;
  std::atomic<int> visits = 0;
  std::vector<std::jthread> visitors;
  for (int i = 0; i < 8; ++i)
    visitors.emplace_back([&] {
      for (int times = 0; times < 200; ++times) {
        const auto visit = ca.enter({});
        const int now = ++there;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) continue;
        std::this_thread::yield();
        --there;
        ++visits;
      }
    });
  visitors.clear();
  CHECK(visits == 8 * 200);
  CHECK(most <= 2);
}

TEST_CASE("who waits for the CA can be stopped, and takes nobody's place") {
  AtTheCa ca(1);
  auto visit = ca.enter({});
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  CHECK(failure([&] { ca.enter(stop.get_token()); }).kind() == ErrorKind::cancelled);
  visit.reset();
  CHECK(ca.enter({}) != nullptr);
}
