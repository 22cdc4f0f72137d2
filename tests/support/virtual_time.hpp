// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <utility>

#include "agent/wall_clock.hpp"
#include "agent/workers.hpp"

namespace everleaf::agent {

// Time that passes when it is told to.
class VirtualClock : public WallClock {
 public:
  explicit VirtualClock(Time start) : now_(start) {}
  Time now() const override { return now_; }
  void wake_at(Time when) override { alarm_ = when; }

  void set(Time now) { now_ = now; }
  const std::optional<Time>& alarm() const { return alarm_; }
  // Goes on to the alarm, which rings once.
  void go_to_alarm() { now_ = std::max(now_, *std::exchange(alarm_, std::nullopt)); }

 private:
  Time now_;
  std::optional<Time> alarm_;
};

// Do work at once, and hand over what came of it when they are told to.
class QueuedWorkers : public Workers {
 public:
  bool has_room() const override { return true; }
  void run(std::function<Completion()> work) override { completions_.push_back(work()); }
  void finish_all() {
    while (!completions_.empty()) {
      const auto completion = std::move(completions_.front());
      completions_.pop_front();
      completion();
    }
  }

 private:
  std::deque<Completion> completions_;
};

}  // namespace everleaf::agent
