// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/lifecycle/draining.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/state/state.hpp>

namespace everleaf::agent {

// How a certificate stands, as far as the last pass knows.
struct CertificateStatus {
  std::string name;
  std::optional<PairOnDisk> pair;
  Attempts attempts;
  std::string problem;          // empty: it is as it should be
  std::string hint;             // what may mend that
  std::optional<Time> renewal;  // when it is due
  std::optional<Time> next_try;
  std::optional<Time> next_look;
  bool busy = false;   // something is being done with it
  bool asked = false;  // somebody asked for a renewal that is not over yet
  std::vector<std::string> used_by;

  bool is_well(Time now) const { return problem.empty() && pair && now < pair->validity.not_after; }
};

struct ProxyStatus {
  std::string name;
  ProxyState account;
  bool failing = false;
  std::optional<Time> next_try;
  std::optional<Time> last_adoption;  // since the start

  bool is_well(Time now) const { return !failing && !outlived_deadline(account, now); }
};

// How everything stands at one moment.
struct Status {
  Time now;
  std::optional<std::chrono::seconds> ca_clock_ahead;  // of ours; nothing: the CA has not been asked yet
  std::vector<CertificateStatus> certificates;
  std::vector<ProxyStatus> proxies;
};

// What the daemon knows beside its agent.
struct DaemonStatus {
  Time started;
  std::string configuration;               // the file
  std::vector<std::string> refused;        // what was wrong with it when it was last read; empty: it is in use
  std::vector<std::string> not_listening;  // where it could not listen, and why
  bool makes_progress = true;
};

// As JSON of version 1 (docs/status.md).
std::string to_json(const Status& status, const DaemonStatus& daemon);
// The same of one certificate and the proxies that use it; nothing if there is no such certificate.
std::optional<std::string> to_json(const Status& status, const std::string& certificate);

// As text for Prometheus (docs/monitoring.md).
std::string to_metrics(const Status& status, const DaemonStatus& daemon);

}  // namespace everleaf::agent
