// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/): names and labels of ours need
// no escaping, for both are letters, digits, "-" and "_".
#include <algorithm>

#include "agent/status.hpp"

namespace everleaf::agent {
namespace {

using Seconds = std::chrono::seconds;

// The lines of one metric for all that it is known of.
class Gauge {
 public:
  Gauge(std::string& text, std::string name, const std::string& help) : text_(text), name_("everleaf_" + name) {
    text_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " gauge\n";
  }

  void set(const std::string& labels, long long value) {
    text_ += name_ + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
  }
  void set(const std::string& labels, const std::optional<Time>& time) {
    if (time) set(labels, time->time_since_epoch().count());
  }

 private:
  std::string& text_;
  std::string name_;
};

template <typename Things, typename Value>
void each(std::string& text, const char* label, const Things& things, const char* name, const char* help, Value value) {
  Gauge gauge(text, name, help);
  for (const auto& thing : things) gauge.set(label + ("=\"" + thing.name + "\""), value(thing));
}

void add_certificates(std::string& text, const Status& status) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    each(text, "certificate", status.certificates, (std::string("certificate_") + name).c_str(), help, value);
  };
  const auto end = [](auto part) {
    return [part](const CertificateStatus& one) {
      return one.pair ? std::optional<Time>(one.pair->validity.*part) : std::nullopt;
    };
  };
  gauge("well", "1: it is as it should be", [&](const auto& one) -> long long { return one.is_well(status.now); });
  gauge("not_before_timestamp_seconds", "begin of its validity", end(&Validity::not_before));
  gauge("not_after_timestamp_seconds", "end of its validity", end(&Validity::not_after));
  gauge("renewal_timestamp_seconds", "when it is due", [](const auto& one) { return one.renewal; });
  gauge("failures", "failed tries in a row", [](const auto& one) -> long long { return one.attempts.failures; });
  gauge("last_success_timestamp_seconds", "when the CA last issued one",
        [](const auto& one) { return one.attempts.last_success; });
}

std::optional<Time> since(const std::vector<Obligation>& owed) {
  std::optional<Time> first;
  for (const auto& one : owed) first = std::min(one.since, first.value_or(one.since));
  return first;
}

void add_proxies(std::string& text, const Status& status) {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    each(text, "proxy", status.proxies, (std::string("proxy_") + name).c_str(), help, value);
  };
  gauge("owed", "certificates that it has not taken up yet",
        [](const auto& one) { return static_cast<long long>(one.account.owed.size()); });
  gauge("owed_since_timestamp_seconds", "since when it owes the oldest of them",
        [](const auto& one) { return since(one.account.owed); });
  gauge("owed_deadline_timestamp_seconds", "when the first of what it uses meanwhile expires",
        [](const auto& one) { return earliest_deadline(one.account.owed); });
  gauge("failures", "failed reloads in a row", [](const auto& one) -> long long { return one.account.failures; });
  gauge("last_adoption_timestamp_seconds", "when it last took something up, since the start of everleafd",
        [](const auto& one) { return one.last_adoption; });
  gauge("draining_workers", "workers from before a reload that still serve with what was in use then",
        [](const auto& one) { return static_cast<long long>(one.account.draining.size()); });
  gauge("draining_deadline_timestamp_seconds", "when the first certificate that one of them has expires",
        [](const auto& one) { return draining_deadline(one.account); });
}

}  // namespace

std::string to_metrics(const Status& status, const DaemonStatus& daemon) {
  std::string text;
  Gauge(text, "build_info", "1: the version that runs").set("version=\"" EVERLEAF_VERSION "\"", 1);
  Gauge(text, "start_timestamp_seconds", "when everleafd was started").set("", daemon.started);
  Gauge(text, "progress", "1: the loop and its workers do their work").set("", daemon.makes_progress ? 1 : 0);
  Gauge(text, "configuration_refused", "1: what is in the file is not in use, for it is wrong")
      .set("", daemon.refused.empty() ? 0 : 1);
  Gauge clock(text, "ca_clock_ahead_seconds", "by how much the clock of the CA is ahead of ours");
  if (status.ca_clock_ahead) clock.set("", status.ca_clock_ahead->count());
  add_certificates(text, status);
  add_proxies(text, status);
  return text;
}

}  // namespace everleaf::agent
