// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <everleaf/files/file.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {

// An alarm at a time of day, which poll(2) can wait for: a timerfd on CLOCK_REALTIME that is cancelled when somebody
// sets the clock (timerfd_create(2)), so that a step or a wake from suspend is noticed at once.
class WallClockAlarm {
 public:
  WallClockAlarm();

  // Readable once it rings or the clock was set.
  int descriptor() const { return timer_.get(); }
  // Replaces the time that was set before. It may ring a day from now although `when` is later.
  void set(Time when);
  // What made it readable. Does not wait.
  enum class Ring { time_has_come, clock_was_set };
  Ring take();

 private:
  Descriptor timer_;
};

}  // namespace everleaf
