// SPDX-License-Identifier: Apache-2.0
#include "agent/wall_clock.hpp"

namespace everleaf::agent {

SystemClock::SystemClock(boost::asio::io_context& loop, std::function<void()> on_alarm, std::function<void()> on_step)
    : timer_(loop, alarm_.descriptor()), on_alarm_(std::move(on_alarm)), on_step_(std::move(on_step)) {
  await();
}

void SystemClock::await() {
  timer_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;  // the loop ends
    const auto ring = alarm_.take();
    await();
    ring == WallClockAlarm::Ring::clock_was_set ? on_step_() : on_alarm_();
  });
}

}  // namespace everleaf::agent
