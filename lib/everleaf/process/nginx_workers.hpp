// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <everleaf/time/time.hpp>

namespace everleaf {

// On the clock by which the kernel says when a process was started: CLOCK_BOOTTIME.
std::chrono::milliseconds time_since_boot();
// What time it is, if it was `time` at `since`.
Time time_after(Time time, std::chrono::milliseconds since);

// Whether `process` is a worker of an nginx that was started before `moment`. Nothing if it is none, or if we cannot
// see it.
std::optional<bool> worker_is_older(pid_t process, std::chrono::milliseconds moment);

// Whether worker `process` of an nginx that was started at `start` (start_in_stat()) is still there.
bool is_still_there(pid_t process, const std::string& start);

// The workers that an nginx master has just before it is asked to reload. A worker that was not among them proves that
// it took up its files: a master that refuses them starts none. That its reload "worked" proves nothing, it only means
// that the master got the signal.
class NginxWorkers {
 public:
  using Worker = std::pair<pid_t, std::string>;  // number, and when it was started

  // Nothing if process `master` is no nginx master, or if we cannot see it or its workers (hidepid,
  // ProtectProc=invisible).
  static std::optional<NginxWorkers> of(pid_t master);

  // Waits until there is a new one. Throws hook if there is none after `limit`, cancelled when `stop` is requested.
  void await_new(std::chrono::milliseconds limit, const std::stop_token& stop) const;
  // Those of the earlier ones that have connections that they still serve, after some time to end them. They may do so
  // for ever, with the old certificate, unless nginx has a worker_shutdown_timeout.
  std::vector<Worker> draining(const std::stop_token& stop) const;

 private:
  explicit NginxWorkers(pid_t master) : master_(master), before_(now()) {}
  std::set<Worker> now() const;
  std::vector<Worker> earlier() const;

  pid_t master_;
  std::set<Worker> before_;
};

// When a process was started, as its stat says it: proc(5), field 22. The name in it, field 2, may contain anything.
std::string start_in_stat(const std::string& stat);

}  // namespace everleaf
