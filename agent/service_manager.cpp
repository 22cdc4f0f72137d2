// SPDX-License-Identifier: Apache-2.0
#include "agent/service_manager.hpp"

#include <systemd/sd-daemon.h>

#include <utility>

namespace everleaf::agent {
namespace {

void notify(const std::string& state) { ::sd_notify(0, state.c_str()); }

}  // namespace

ServiceManager::ServiceManager(boost::asio::io_context& loop, std::function<bool()> makes_progress)
    : timer_(loop), makes_progress_(std::move(makes_progress)) {
  std::uint64_t limit = 0;
  if (::sd_watchdog_enabled(0, &limit) <= 0) return;
  interval_ = std::chrono::microseconds(limit / 2);
  feed_later();
}

void ServiceManager::ready() { notify("READY=1"); }
void ServiceManager::reloading() { notify("RELOADING=1"); }
void ServiceManager::stopping() { notify("STOPPING=1\nSTATUS=stopping"); }

void ServiceManager::tell(const Outlook& outlook) {
  if (auto status = to_status(outlook); status != status_) {
    status_ = std::move(status);
    notify("STATUS=" + status_);
  }
}

void ServiceManager::feed_later() {
  timer_.expires_after(interval_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // the loop ends
    if (makes_progress_()) notify("WATCHDOG=1");
    feed_later();
  });
}

std::string to_status(const Outlook& outlook) {
  auto text = std::to_string(outlook.certificates) + (outlook.certificates == 1 ? " certificate" : " certificates");
  if (outlook.next_renewal)
    text += ", next renewal " + outlook.next_renewal->second + " at " + format_time(outlook.next_renewal->first);
  if (outlook.failing > 0)
    text += ", " + std::to_string(outlook.failing) + (outlook.failing == 1 ? " needs attention" : " need attention");
  return text;
}

}  // namespace everleaf::agent
