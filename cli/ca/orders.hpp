// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <thread>

#include <everleaf/process/stop_event.hpp>
#include <everleaf/process/wall_clock_alarm.hpp>

namespace everleaf::cli {

// What the operator tells a command that runs on: SIGTERM and SIGINT request a stop, also of what is under way; SIGHUP
// is kept until it is asked for. A thread listens to them; signals are blocked for good.
class Orders {
 public:
  Orders();

  std::stop_token stop() const { return stop_.get_token(); }
  // Until `when` by the wall clock, or the clock was set, or there is an order.
  void wait_until(Time when);
  // Whether a SIGHUP came since this was asked before.
  bool take_hangup();

 private:
  void listen(int signals, std::stop_token end);

  std::stop_source stop_;
  StopEvent stopped_{stop_.get_token()};
  Descriptor hangups_;
  WallClockAlarm alarm_;
  Descriptor signals_;
  std::jthread listener_;  // the last: it ends first
};

}  // namespace everleaf::cli
