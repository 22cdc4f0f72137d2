// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/adopt.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/process/signal.hpp>

namespace everleaf {
namespace {

struct Reloader {
  std::stop_token stop;

  void operator()(const NoReload&) const {}
  void operator()(const ReloadBySignal& method) const { signal_process(method.pid_file, method.signal); }
  void operator()(const ReloadByExec& method) const { run_command(method.argv, {.time = method.time_limit}, stop); }
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

void reload(const Proxy& proxy, std::stop_token stop) { std::visit(Reloader{std::move(stop)}, proxy.reload); }

AdoptionResult adopt(const Proxy& proxy, const StateDirectory& state, Time now, std::stop_token stop) {
  auto account = state.proxy(proxy.name);
  if (account.owed.empty()) return {};
  try {
    reload(proxy, std::move(stop));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    account.last_failure = now;
    account.last_error = error.what();
    ++account.failures;
    state.store(proxy.name, account);
    return {.error = error.what(),
            .try_again = retry_time_without_deadline(account.owed.front().leaf, account.failures, now)};
  }
  AdoptionResult result{.adopted = std::move(account.owed)};
  state.store(proxy.name, ProxyState{});
  return result;
}

}  // namespace everleaf
