// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/nginx_workers.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <everleaf/error/error.hpp>
#include <everleaf/process/stop_event.hpp>

namespace everleaf {
namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 10ms;
constexpr auto time_to_end = 1000ms;  // an idle worker needs 0.1 s

// What /proc says about a process, empty if it is gone: which may happen at any time.
std::string about(pid_t process, const std::string& file) {
  std::ifstream stream("/proc/" + std::to_string(process) + "/" + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// proc(5): field 22 of stat. The name, field 2, may contain anything.
std::string start_of(pid_t process) {
  const auto stat = about(process, "stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return field;
}

// Waits for it with looks that are `look_every` apart; false if it does not happen within `limit`.
template <typename Happened>
bool wait_until(Happened happened, std::chrono::milliseconds limit, const std::stop_token& stop) {
  const StopEvent stopped(stop);
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!happened()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    if (stopped.requested_within(look_every)) throw Error(ErrorKind::cancelled, "stopped while nginx was reloading");
  }
  return true;
}

}  // namespace

std::optional<NginxWorkers> NginxWorkers::of(pid_t master) {
  if (master <= 0 || !about(master, "cmdline").starts_with("nginx: master process")) return std::nullopt;
  NginxWorkers workers(master);
  if (workers.before_.empty()) return std::nullopt;
  return workers;
}

std::set<NginxWorkers::Worker> NginxWorkers::now() const {
  std::set<Worker> workers;
  std::istringstream children(about(master_, "task/" + std::to_string(master_) + "/children"));
  for (pid_t child = 0; children >> child;)
    if (about(child, "cmdline").starts_with("nginx: worker process")) workers.emplace(child, start_of(child));
  return workers;
}

void NginxWorkers::await_new(std::chrono::milliseconds limit, const std::stop_token& stop) const {
  const auto has_new = [this] {
    const auto present = now();
    return !std::includes(before_.begin(), before_.end(), present.begin(), present.end());
  };
  if (!wait_until(has_new, limit, stop))
    throw Error(ErrorKind::hook, "nginx (process " + std::to_string(master_) + ") goes on with what it had",
                "its error log says why it refused the configuration or the pair");
}

std::size_t NginxWorkers::earlier() const {
  const auto present = now();
  return static_cast<std::size_t>(
      std::count_if(present.begin(), present.end(), [this](const Worker& worker) { return before_.contains(worker); }));
}

std::size_t NginxWorkers::draining(const std::stop_token& stop) const {
  wait_until([this] { return earlier() == 0; }, time_to_end, stop);
  return earlier();
}

}  // namespace everleaf
