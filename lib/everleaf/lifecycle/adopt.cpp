// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/adopt.hpp>

#include <algorithm>
#include <csignal>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/process/nginx_workers.hpp>
#include <everleaf/process/signal.hpp>
#include <everleaf/systemd/unit.hpp>

namespace everleaf {
namespace {

struct Reloader {
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

  Reloaded prove(const std::optional<NginxWorkers>& before) const {
    if (!before) return {};
    before->await_new(limit, stop);
    return {.draining = before->draining(stop)};
  }
};

}  // namespace

void owe(const StateDirectory& state, const std::vector<std::string>& proxies, const Obligation& obligation) {
  for (const auto& proxy : proxies) {
    auto account = state.proxy(proxy);
    std::erase_if(account.owed, [&](const Obligation& one) { return one.certificate == obligation.certificate; });
    account.owed.push_back(obligation);
    state.store(proxy, account);
  }
}

Reloaded reload(const Proxy& proxy, std::stop_token stop) {
  return std::visit(Reloader{proxy.time_limit, std::move(stop)}, proxy.reload);
}

AdoptionResult adopt(const Proxy& proxy, const StateDirectory& state, Time now, std::stop_token stop) {
  auto account = state.proxy(proxy.name);
  if (account.owed.empty()) return {};
  AdoptionResult result;
  try {
    result.reloaded = reload(proxy, std::move(stop));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    account.last_failure = now;
    account.last_error = error.what();
    ++account.failures;
    state.store(proxy.name, account);
    result.error = error;
    result.try_again = retry_time_without_deadline(account.owed.front().leaf, account.failures, now);
    return result;
  }
  result.adopted = std::move(account.owed);
  state.store(proxy.name, ProxyState{});
  return result;
}

}  // namespace everleaf
