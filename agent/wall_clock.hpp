// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include <everleaf/process/wall_clock_alarm.hpp>

namespace everleaf::agent {

// The time of day, and one alarm at it.
class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual Time now() const = 0;
  // Replaces the alarm that was set before.
  virtual void wake_at(Time when) = 0;
};

// The system's clock.
class SystemClock : public WallClock {
 public:
  // `on_alarm` when the time has come, `on_step` when the clock was set.
  SystemClock(boost::asio::io_context& loop, std::function<void()> on_alarm, std::function<void()> on_step);

  ~SystemClock() override { timer_.release(); }

  Time now() const override { return system_now(); }
  void wake_at(Time when) override { alarm_.set(when); }

 private:
  void await();

  WallClockAlarm alarm_;
  boost::asio::posix::stream_descriptor timer_;  // that of the alarm
  std::function<void()> on_alarm_;
  std::function<void()> on_step_;
};

}  // namespace everleaf::agent
