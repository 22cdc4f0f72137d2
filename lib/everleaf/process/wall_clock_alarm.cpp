// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/wall_clock_alarm.hpp>

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <everleaf/error/error.hpp>

namespace everleaf {

WallClockAlarm::WallClockAlarm() : timer_(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!timer_.is_open()) throw system_error("cannot make a timer", errno);
}

void WallClockAlarm::set(Time when) {
  when = std::min<Time>(when, system_now() + std::chrono::days(1));  // far beyond, the kernel's nanoseconds overflow
  itimerspec spec{};
  spec.it_value.tv_sec = std::max<time_t>(1, when.time_since_epoch().count());
  // ECANCELED: the clock was set a moment ago. The timer is armed all the same, and take() hears of the step.
  if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr) != 0 &&
      errno != ECANCELED)
    throw system_error("cannot set a timer", errno);
}

WallClockAlarm::Ring WallClockAlarm::take() {
  std::uint64_t expirations = 0;
  const bool stepped = ::read(timer_.get(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
  return stepped ? Ring::clock_was_set : Ring::time_has_come;
}

}  // namespace everleaf
