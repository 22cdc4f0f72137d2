// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/nginx_workers.hpp>

#include <unistd.h>

#include <algorithm>
#include <ctime>
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
  std::ostringstream text;
  text << stream.rdbuf();  // an iterator would throw for what ended after it was opened
  return text.str();
}

std::string start_of(pid_t process) { return start_in_stat(about(process, "stat")); }

bool is_worker(pid_t process) { return about(process, "cmdline").starts_with("nginx: worker process"); }

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

std::string start_in_stat(const std::string& stat) {
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return field;
}

Time time_after(Time time, std::chrono::milliseconds since) {
  return time + std::chrono::floor<std::chrono::seconds>(time_since_boot() - since);
}

std::chrono::milliseconds time_since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

std::optional<bool> worker_is_older(pid_t process, std::chrono::milliseconds moment) {
  if (!is_worker(process)) return std::nullopt;
  const auto start = std::strtoll(start_of(process).c_str(), nullptr, 10);
  if (start <= 0) return std::nullopt;
  return start < moment.count() * ::sysconf(_SC_CLK_TCK) / 1000;
}

bool is_still_there(pid_t process, const std::string& start) {
  return is_worker(process) && start_of(process) == start;
}

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
    if (is_worker(child)) workers.emplace(child, start_of(child));
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

std::vector<NginxWorkers::Worker> NginxWorkers::earlier() const {
  const auto present = now();
  std::vector<Worker> earlier;
  std::set_intersection(before_.begin(), before_.end(), present.begin(), present.end(), std::back_inserter(earlier));
  return earlier;
}

std::vector<NginxWorkers::Worker> NginxWorkers::draining(const std::stop_token& stop) const {
  wait_until([this] { return earlier().empty(); }, time_to_end, stop);
  return earlier();
}

}  // namespace everleaf
