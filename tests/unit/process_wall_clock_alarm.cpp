// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/wall_clock_alarm.hpp>

#include <doctest/doctest.h>
#include <poll.h>

using namespace everleaf;
using namespace std::chrono;

namespace {

bool rings_within(const WallClockAlarm& alarm, milliseconds time) {
  pollfd event{alarm.descriptor(), POLLIN, 0};
  return ::poll(&event, 1, static_cast<int>(time.count())) > 0;
}

}  // namespace

TEST_CASE("an alarm rings when its time has come, once, and not before") {
  WallClockAlarm alarm;
  alarm.set(system_now() + 1h);
  CHECK_FALSE(rings_within(alarm, 0ms));
  alarm.set(system_now() - 1h);
  CHECK(rings_within(alarm, 10s));
  CHECK(alarm.take() == WallClockAlarm::Ring::time_has_come);
  CHECK_FALSE(rings_within(alarm, 0ms));
  alarm.set(system_now() + 1s);
  CHECK(rings_within(alarm, 10s));
}

TEST_CASE("an alarm can be set to any time") {
  WallClockAlarm alarm;
  alarm.set(Time::max());
  CHECK_FALSE(rings_within(alarm, 0ms));
  alarm.set(Time::min());
  CHECK(rings_within(alarm, 10s));
}
