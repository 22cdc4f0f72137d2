// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/adopt.hpp>

#include <algorithm>
#include <csignal>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/process/haproxy_socket.hpp>
#include <everleaf/process/nginx_workers.hpp>
#include <everleaf/process/signal.hpp>
#include <everleaf/systemd/unit.hpp>

namespace everleaf {
namespace {

struct Reloader {
  const Configuration& configuration;
  const std::vector<Obligation>& owed;
  std::chrono::milliseconds limit;
  std::stop_token stop;

  Reloaded operator()(const NoReload&) const { return {}; }

  Reloaded operator()(const ReloadByUnit& method) const {
    const auto workers = NginxWorkers::of(main_process(method.unit, limit, stop));
    if (reload_unit(method.unit, limit, stop) == UnitReload::not_running) return {.running = false};
    return prove(workers);
  }

  Reloaded operator()(const ReloadBySignal& method) const {
    const auto workers =
        method.signal == SIGHUP ? NginxWorkers::of(read_pid_file(method.pid_file)) : std::optional<NginxWorkers>();
    signal_process(method.pid_file, method.signal);
    return prove(workers);
  }

  Reloaded operator()(const ReloadByExec& method) const {
    run_command(method.argv, {.time = limit}, stop);
    return {};
  }

  // A pair that somebody broke does not keep HAProxy from the others.
  Reloaded operator()(const ReloadByHaproxySocket& method) const {
    std::vector<HaproxyCertificate> certificates;
    std::optional<Error> failure;
    for (const auto& obligation : owed) try {
        const auto one = configuration.certificates.find(obligation.certificate);
        if (one == configuration.certificates.end()) continue;  // it is not ours any more
        certificates.push_back(for_haproxy(one->second, method.certificate));
      } catch (const Error& error) {
        failure = error;
      }
    update_haproxy(method.socket, certificates, limit, stop);
    if (failure) throw *failure;
    return {};
  }

  // What is live now, which may be newer than what was owed.
  HaproxyCertificate for_haproxy(const ManagedCertificate& certificate, const std::string& name) const {
    const Place place(configuration, certificate);
    const auto live = place.live();
    if (!live) throw Error(ErrorKind::missing, "there is no pair of " + certificate.name);
    HaproxyCertificate result{.name = name.empty() ? place.combined_path().string() : name,
                              .pem = Secret(to_pem(live->chain) + std::string(live->key.to_pem().reveal())),
                              .sha1 = live->leaf().sha1_hex(),
                              .ca_file = place.root_path(),
                              .ca_sha1s = {}};
    if (const auto roots = read_file_if_present(result.ca_file))
      for (const auto& root : parse_certificates(*roots, result.ca_file)) result.ca_sha1s.push_back(root.sha1_hex());
    return result;
  }

  Reloaded prove(const std::optional<NginxWorkers>& before) const {
    if (!before) return {};
    before->await_new(limit, stop);
    return {.draining = before->draining(stop)};
  }
};

// What has to be seen for `owed`, or why it cannot be known.
void look_up(const Configuration& configuration, const Probe& probe, std::vector<Exhibit>& exhibits,
             std::vector<Unproven>& unproven) {
  const auto certificate = configuration.certificates.find(probe.certificate);
  if (certificate == configuration.certificates.end() || (!probe.echo && !probe.tls)) return;
  try {
    const auto live = Place(configuration, certificate->second).live();
    if (live)
      exhibits.push_back({probe, live->leaf()});
    else
      unproven.push_back({probe.certificate, "there is no certificate that it could show"});
  } catch (const Error& error) {
    unproven.push_back({probe.certificate, error.what()});
  }
}

bool is_about(const std::vector<Unproven>& unproven, const Obligation& owed) {
  return std::ranges::any_of(unproven, [&](const Unproven& one) { return one.certificate == owed.certificate; });
}

void store(const StateDirectory& state, const std::string& proxy, AdoptionResult& result, Time now) {
  result.draining = look_at_draining(result.account, now);
  state.store(proxy, result.account);
}

void note_failure(AdoptionResult& result, const std::string& error, Time now) {
  auto& account = result.account;
  account.last_failure = now;
  account.last_error = error;
  ++account.failures;
  result.try_again = retry_time_of_reload(account);
}

std::vector<Unproven> prove_owed(const Configuration& configuration, const Proxy& proxy,
                                 const std::vector<Obligation>& owed, std::optional<std::chrono::milliseconds> reloaded,
                                 std::stop_token stop) {
  std::vector<Exhibit> exhibits;
  std::vector<Unproven> unproven;
  for (const auto& probe : proxy.probes)
    if (std::ranges::any_of(owed, [&](const Obligation& one) { return one.certificate == probe.certificate; }))
      look_up(configuration, probe, exhibits, unproven);
  if (exhibits.empty()) return unproven;
  for (auto& one : prove(std::move(exhibits), reloaded, proxy.time_limit, std::move(stop)))
    unproven.push_back(std::move(one));
  return unproven;
}

void check(const Proxy& proxy, std::stop_token stop) try {
  if (!proxy.check.empty())
    run_command(proxy.check, {.time = proxy.time_limit, .quote = Quote::everything}, std::move(stop));
} catch (const Error& error) {
  throw error.within("not reloaded, its check failed");
}

}  // namespace

void add(std::vector<Obligation>& owed, Obligation delivered) {
  std::erase_if(owed, [&](const Obligation& one) {
    if (one.certificate != delivered.certificate) return false;
    delivered.since = one.since;
    delivered.deadline = one.deadline;
    return true;
  });
  owed.push_back(std::move(delivered));
}

void owe(const StateDirectory& state, const std::vector<std::string>& proxies, const Obligation& obligation) {
  for (const auto& proxy : proxies) {
    auto account = state.proxy(proxy);
    add(account.owed, obligation);
    state.store(proxy, account);
  }
}

Attempts readable_attempts(const StateDirectory& state, const std::string& certificate) try {
  return state.attempts(certificate);
} catch (const Error& error) {
  if (error.kind() != ErrorKind::malformed) throw;
  return {};
}

void note_told(const StateDirectory& state, const std::string& certificate, const Told& told) {
  auto attempts = readable_attempts(state, certificate);
  attempts.told = told;
  state.store(certificate, attempts);
}

Reloaded reload(const Configuration& configuration, const Proxy& proxy, const std::vector<Obligation>& owed,
                std::stop_token stop) {
  check(proxy, stop);
  return std::visit(Reloader{configuration, owed, proxy.time_limit, std::move(stop)}, proxy.reload);
}

void settle(const Configuration& configuration, const Proxy& proxy, const StateDirectory& state,
            std::chrono::milliseconds asked, Time now, std::stop_token stop, AdoptionResult& result) {
  const auto reloaded = std::holds_alternative<NoReload>(proxy.reload) ? std::nullopt : std::optional(asked);
  if (result.reloaded.running)
    result.unproven = prove_owed(configuration, proxy, result.account.owed, reloaded, std::move(stop));
  note_draining(result.account, result.reloaded.draining, now);
  const auto rest = std::ranges::stable_partition(
      result.account.owed, [&](const Obligation& owed) { return is_about(result.unproven, owed); });
  result.adopted.assign(rest.begin(), rest.end());
  result.account.owed.erase(rest.begin(), rest.end());
  if (result.account.owed.empty())
    result.account = {.draining = result.account.draining};
  else
    note_failure(result, result.unproven.front().found, time_after(now, asked));
  store(state, proxy.name, result, now);
}

AdoptionResult adopt(const Configuration& configuration, const Proxy& proxy, const StateDirectory& state, Time now,
                     std::stop_token stop) {
  AdoptionResult result{.account = state.proxy(proxy.name)};
  if (result.account.owed.empty()) {
    result.draining = look_at_draining(result.account, now);
    if (result.draining.changed) state.store(proxy.name, result.account);
    return result;
  }
  const auto asked = time_since_boot();
  try {
    result.reloaded = reload(configuration, proxy, result.account.owed, stop);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    result.error = error;
    note_failure(result, error.what(), time_after(now, asked));
    store(state, proxy.name, result, now);
    return result;
  }
  settle(configuration, proxy, state, asked, now, std::move(stop), result);
  return result;
}

}  // namespace everleaf
