// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "agent/agent.hpp"

namespace everleaf::agent {

// Tells the service manager how we are (sd_notify(3)). Where none wants to know, nothing happens.
class ServiceManager {
 public:
  // Feeds the watchdog of the unit, if it has one, at half of its time, for as long as `makes_progress` says so.
  ServiceManager(boost::asio::io_context& loop, std::function<bool()> makes_progress);

  void ready();
  void reloading();  // until ready()
  void stopping();
  void tell(const Outlook& outlook);

 private:
  void feed_later();

  boost::asio::steady_timer timer_;
  std::chrono::microseconds interval_{0};  // 0: there is no watchdog
  std::function<bool()> makes_progress_;
  std::string status_;
};

// "2 certificates, next renewal upstream at 2026-11-23T18:00:00Z, 1 needs attention".
std::string to_status(const Outlook& outlook);

}  // namespace everleaf::agent
