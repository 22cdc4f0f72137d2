// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <tests/support/virtual_time.hpp>
#include "agent/agent.hpp"

namespace everleaf::agent {

// Does work at once, and keeps what came of it until the test hands it over.
class HeldWorkers : public Workers {
 public:
  HeldWorkers(std::size_t threads, std::vector<std::string>& journal) : threads_(threads), journal_(journal) {}
  bool has_room() const override { return held_.size() < threads_; }
  void run(std::function<Completion()> work) override {
    REQUIRE(has_room());
    auto completion = work();
    held_.push_back({journal_.back(), std::move(completion)});
  }

  std::vector<std::string> under_way() const {
    std::vector<std::string> names;
    for (const auto& [name, completion] : held_) names.push_back(name);
    return names;
  }
  void finish(std::size_t index) {
    const auto completion = std::move(held_.at(index).completion);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
    completion();
  }

 private:
  struct Held {
    std::string name;  // as in the journal
    Completion completion;
  };
  std::size_t threads_;
  std::vector<std::string>& journal_;
  std::vector<Held> held_;
};

// A host with an agent, whose certificates and proxies are no more than what is said here. Passes write into the
// journal "tend NAME", "swap NAME", "reload PROXY" or, if it owes nothing, "look PROXY"; each keeps the agent's
// promises about what runs beside what.
class VirtualHost : private Passes {
 public:
  using UsedBy = std::map<std::string, std::vector<std::string>>;  // certificate: its proxies

  static constexpr std::chrono::hours look_again{1};

  explicit VirtualHost(std::size_t at_the_ca_at_a_time = 4)
      : clock(std::chrono::sys_days(std::chrono::year(2026) / 1 / 2)),
        certificate_workers_(at_the_ca_at_a_time, journal),
        swap_workers_(1, journal),
        proxy_workers_(2, journal),
        agent(*this, clock, certificate_workers_, swap_workers_, proxy_workers_,
              [this](const Event& event) { log.push_back(event); }) {}

  void use(const UsedBy& certificates) {
    used_by_ = certificates;
    auto configuration = std::make_shared<Configuration>(
        Configuration{.authority = {HttpsUrl::parse("https://ca.internal"), Fingerprint{}}});
    for (const auto& [name, proxies] : certificates) {
      configuration->certificates[name] = {.name = name, .used_by = proxies};
      for (const auto& proxy : proxies) configuration->proxies[proxy] = {proxy, NoReload{}};
    }
    agent.use(std::move(configuration));
  }

  std::vector<std::string> under_way() const {
    auto names = certificate_workers_.under_way();
    for (const auto* workers : {&swap_workers_, &proxy_workers_})
      for (auto& name : workers->under_way()) names.push_back(std::move(name));
    return names;
  }
  bool is_under_way(const std::string& name) const { return std::ranges::count(under_way(), name) == 1; }
  // Hands over what came of a pass that is under way.
  void finish(const std::string& name) {
    for (auto* workers : {&certificate_workers_, &swap_workers_, &proxy_workers_}) {
      const auto names = workers->under_way();
      if (const auto found = std::ranges::find(names, name); found != names.end())
        return workers->finish(static_cast<std::size_t>(found - names.begin()));
    }
    FAIL(name, " is not under way");
  }
  void finish_all() {
    for (auto names = under_way(); !names.empty(); names = under_way()) finish(names.front());
  }

  // Lets time pass; when the alarm rings, does all that there is to do.
  void run_until(Time end) {
    finish_all();
    while (clock.alarm() && *clock.alarm() <= end) {
      ring();
      finish_all();
    }
    clock.set(std::max(end, clock.now()));
  }
  void run_for(std::chrono::seconds duration) { run_until(clock.now() + duration); }
  // Lets time pass while nothing that is under way comes to an end.
  void stall_for(std::chrono::seconds duration) {
    const Time end = clock.now() + duration;
    while (clock.alarm() && *clock.alarm() <= end) ring();
    clock.set(end);
  }
  void step_clock(std::chrono::seconds by) {
    clock.set(clock.now() + by);
    agent.replan();
  }

  std::size_t count(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::count(journal, name));
  }

  VirtualClock clock;
  std::vector<std::string> journal;
  std::vector<Event> log;
  std::set<std::string> renewable;                   // the next look at these stages a new certificate
  std::set<std::string> trust_changing;              // the next look at these finds other roots
  std::set<std::string> undeliverable;               // swaps of these fail
  std::set<std::string> half_deliverable;            // swaps of these fail after the debt was noted
  std::set<std::string> forgiven;                    // certificates that were told to try again
  std::set<std::string> refusing;                    // proxies that do not reload
  std::map<std::string, std::set<std::string>> bad;  // what such a proxy refuses all together, and judge() takes back
  std::vector<std::string> disturbed;                // proxies, by judge()
  std::chrono::seconds retry_reload{30};
  std::optional<Time> renewal;                        // of all certificates
  std::string complaint;                              // about all of them
  Attempts attempts;                                  // likewise
  std::map<std::string, Time> expires;                // of certificates
  std::map<std::string, std::set<std::string>> owed;  // by proxies
  std::stop_token stop;                               // that the last pass was given
  unsigned rings = 0;                                 // of the alarm

 private:
  void ring() {
    ++rings;
    clock.go_to_alarm();
    agent.run_due();
  }

  bool uses(const std::string& certificate, const std::string& proxy) const {
    const auto found = used_by_.find(certificate);
    return found != used_by_.end() && std::ranges::count(found->second, proxy) != 0;
  }

  void begin_with_certificate(const std::string& verb, const std::string& name) {
    CHECK(!is_under_way("tend " + name));
    CHECK(!is_under_way("swap " + name));
    CHECK(!is_under_way("judge " + name));
    journal.push_back(verb + " " + name);
  }

  void check_proxy_is_idle(const std::string& proxy) const {
    CHECK(!is_under_way("reload " + proxy));
    CHECK(!is_under_way("look " + proxy));
    for (const auto& [certificate, proxies] : used_by_)
      if (uses(certificate, proxy)) CHECK(!is_under_way("swap " + certificate));
  }

  CertificateResult tend(const Configuration&, const ManagedCertificate& certificate, std::stop_token token) override {
    begin_with_certificate("tend", certificate.name);
    stop = std::move(token);
    if (renewable.contains(certificate.name)) return {.staged = Staged{}};
    std::vector<std::string> owed_by;
    for (const auto& [proxy, certificates] : owed)
      if (certificates.contains(certificate.name)) owed_by.push_back(proxy);
    const auto end = expires.find(certificate.name);
    return {.look_again = clock.now() + look_again,
            .renewal = renewal,
            .expires = end == expires.end() ? std::nullopt : std::optional(end->second),
            .trust_changed = trust_changing.erase(certificate.name) == 1,
            .failed = !complaint.empty(),
            .last_error = complaint,
            .events = {{.name = "tended " + certificate.name}},
            .attempts = attempts,
            .owed_by = owed_by};
  }

  CertificateResult retry(const Configuration& configuration, const ManagedCertificate& certificate,
                          std::stop_token token) override {
    forgiven.insert(certificate.name);
    return tend(configuration, certificate, std::move(token));
  }

  CertificateResult renew(const Configuration& configuration, const ManagedCertificate& certificate,
                          std::stop_token token) override {
    renewable.insert(certificate.name);
    return tend(configuration, certificate, std::move(token));
  }

  CertificateResult swap(const Configuration&, const ManagedCertificate& certificate, const Staged&) override {
    for (const auto& proxy : certificate.used_by) check_proxy_is_idle(proxy);
    begin_with_certificate("swap", certificate.name);
    if (undeliverable.contains(certificate.name)) return {.look_again = clock.now() + look_again, .failed = true};
    renewable.erase(certificate.name);
    for (const auto& proxy : certificate.used_by) owed[proxy].insert(certificate.name);
    if (half_deliverable.contains(certificate.name)) return {.look_again = clock.now() + look_again, .failed = true};
    return {.look_again = clock.now()};
  }

  ProxyResult adopt(const Configuration&, const Proxy& proxy, std::stop_token token) override {
    check_proxy_is_idle(proxy.name);
    stop = std::move(token);
    auto& owing = owed[proxy.name];
    journal.push_back((owing.empty() ? "look " : "reload ") + proxy.name);
    if (owing.empty()) return {};
    if (refusing.contains(proxy.name))
      return {.refused = {bad[proxy.name].begin(), bad[proxy.name].end()}, .try_again = clock.now() + retry_reload};
    const auto adopted = std::exchange(owing, {});
    return {.adopted = {adopted.begin(), adopted.end()}};
  }

  ProxyResult judge(const Configuration& configuration, const Proxy& proxy,
                    const std::vector<std::string>& certificates, std::stop_token token) override {
    stop = std::move(token);
    for (const auto& name : certificates) {
      for (const auto& user : configuration.certificates.at(name).used_by) check_proxy_is_idle(user);
      begin_with_certificate("judge", name);
      owed[proxy.name].erase(name);
    }
    refusing.erase(proxy.name);
    const auto adopted = std::exchange(owed[proxy.name], {});
    return {.adopted = {adopted.begin(), adopted.end()}, .disturbed = disturbed};
  }

  UsedBy used_by_;
  HeldWorkers certificate_workers_;
  HeldWorkers swap_workers_;
  HeldWorkers proxy_workers_;

 public:
  Agent agent;
};

}  // namespace everleaf::agent
