// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>

#include <everleaf/files/file.hpp>

namespace everleaf {

// A stop token that poll(2) can wait for: `descriptor` is readable once a stop was requested.
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop);
  int descriptor() const { return event_.get(); }

  // Waits for `time`; true at once when a stop is requested.
  bool requested_within(std::chrono::milliseconds time) const;

 private:
  struct Wake {
    int event;
    void operator()() const noexcept;
  };
  Descriptor event_;
  std::stop_callback<Wake> callback_;
};

}  // namespace everleaf
