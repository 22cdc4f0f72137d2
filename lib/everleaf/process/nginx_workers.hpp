// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

namespace everleaf {

// The workers that an nginx master has just before it is asked to reload. A worker that was not among them proves that
// it took up its files: a master that refuses them starts none. That its reload "worked" proves nothing, it only means
// that the master got the signal.
class NginxWorkers {
 public:
  // Nothing if process `master` is no nginx master, or if we cannot see it or its workers (hidepid,
  // ProtectProc=invisible).
  static std::optional<NginxWorkers> of(pid_t master);

  // Waits until there is a new one. Throws hook if there is none after `limit`, cancelled when `stop` is requested.
  void await_new(std::chrono::milliseconds limit, const std::stop_token& stop) const;
  // How many of the earlier ones have connections that they still serve, after some time to end them. They may do so
  // for ever, with the old certificate, unless nginx has a worker_shutdown_timeout.
  std::size_t draining(const std::stop_token& stop) const;

 private:
  using Worker = std::pair<pid_t, std::string>;  // number, and when it was started

  explicit NginxWorkers(pid_t master) : master_(master), before_(now()) {}
  std::set<Worker> now() const;
  std::size_t earlier() const;

  pid_t master_;
  std::set<Worker> before_;
};

}  // namespace everleaf
