// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/stop_event.hpp>

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

Descriptor make_event() {
  Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.is_open()) throw system_error("cannot make an eventfd", errno);
  return event;
}

}  // namespace

StopEvent::StopEvent(std::stop_token stop) : event_(make_event()), callback_(std::move(stop), Wake{event_.get()}) {}

void StopEvent::Wake::operator()() const noexcept { ::eventfd_write(event, 1); }

bool StopEvent::requested_within(std::chrono::milliseconds time) const {
  pollfd event{descriptor(), POLLIN, 0};
  return ::poll(&event, 1, static_cast<int>(time.count())) > 0;
}

}  // namespace everleaf
