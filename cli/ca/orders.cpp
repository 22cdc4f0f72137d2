// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/orders.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include <everleaf/error/error.hpp>
#include <everleaf/process/service_signals.hpp>

namespace everleaf::cli {

Orders::Orders() : hangups_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), signals_(listen_to_service_signals()) {
  if (!hangups_.is_open()) throw system_error("cannot make an eventfd", errno);
  listener_ = std::jthread([this](std::stop_token end) { listen(signals_.get(), std::move(end)); });
}

void Orders::listen(int signals, std::stop_token end) {
  const StopEvent ended(std::move(end));
  std::array<pollfd, 2> events{{{signals, POLLIN, 0}, {ended.descriptor(), POLLIN, 0}}};
  while (true) {
    poll(events.data(), events.size(), -1);
    if (events[1].revents != 0) return;
    const auto signal = take_signal(signals);
    if (!signal) continue;
    if (*signal == SIGHUP)
      eventfd_write(hangups_.get(), 1);
    else
      stop_.request_stop();
  }
}

void Orders::wait_until(Time when) {
  alarm_.set(when);
  std::array<pollfd, 3> events{
      {{alarm_.descriptor(), POLLIN, 0}, {stopped_.descriptor(), POLLIN, 0}, {hangups_.get(), POLLIN, 0}}};
  poll(events.data(), events.size(), -1);
  if (events[0].revents != 0) alarm_.take();
}

bool Orders::take_hangup() {
  eventfd_t count = 0;
  return eventfd_read(hangups_.get(), &count) == 0;
}

}  // namespace everleaf::cli
