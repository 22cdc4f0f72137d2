// SPDX-License-Identifier: Apache-2.0
#include "agent/wall_clock.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <everleaf/error/error.hpp>

namespace everleaf::agent {
namespace {

int make_timer() {
  const int timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer < 0) throw system_error("cannot make a timer", errno);
  return timer;
}

}  // namespace

SystemClock::SystemClock(boost::asio::io_context& loop, std::function<void()> on_alarm, std::function<void()> on_step)
    : timer_(loop, make_timer()), on_alarm_(std::move(on_alarm)), on_step_(std::move(on_step)) {
  await();
}

void SystemClock::wake_at(Time when) {
  when = std::min<Time>(when, now() + std::chrono::days(1));  // far beyond, the kernel's nanoseconds overflow
  itimerspec spec{};
  spec.it_value.tv_sec = std::max<time_t>(1, when.time_since_epoch().count());
  // ECANCELED: the clock was set a moment ago. The timer is armed all the same, and await() hears of the step.
  if (timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr) != 0 &&
      errno != ECANCELED)
    throw system_error("cannot set a timer", errno);
}

void SystemClock::await() {
  timer_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;  // the loop ends
    std::uint64_t expirations = 0;
    const bool stepped = read(timer_.native_handle(), &expirations, sizeof expirations) < 0 && errno == ECANCELED;
    await();
    stepped ? on_step_() : on_alarm_();
  });
}

}  // namespace everleaf::agent
