// SPDX-License-Identifier: Apache-2.0
#include "agent/serve.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <deque>
#include <iterator>

#include <everleaf/config/load.hpp>
#include <everleaf/config/secrets.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/process/service_signals.hpp>
#include "agent/agent.hpp"
#include "agent/file_passes.hpp"
#include "agent/http_api.hpp"
#include "agent/service_manager.hpp"

namespace everleaf::agent {
namespace {

constexpr std::size_t swaps_at_a_time = 1;
constexpr std::size_t proxies_at_a_time = 2;

// What takes longer than this does not end any more: everything in it has a limit of its own, but the disk.
constexpr std::chrono::minutes longest_tending{5};
constexpr std::chrono::minutes longest_swap{2};
constexpr std::chrono::seconds slow_disk{30};

std::chrono::milliseconds longest_adoption(const Configuration& configuration) {
  std::chrono::milliseconds longest{0};
  for (const auto& [name, proxy] : configuration.proxies) longest = std::max(longest, proxy.time_limit);
  // A trial: four times the limit, and all that one adoption may do then, each within it: checking, asking for the main
  // process, reloading, awaiting a worker, asking probes.
  return 9 * longest + slow_disk;
}

bool is_within(const ThreadWorkers& workers, std::chrono::milliseconds limit) {
  const auto since = workers.busy_since();
  return !since || std::chrono::steady_clock::now() - *since <= limit;
}

// The daemon's parts, in the order in which they need each other; the workers are destroyed first.
class Service {
 public:
  Service(const Options& options, const Log& log)
      : options_(options),
        log_(log),
        configuration_(std::make_shared<const Configuration>(require_configuration(options.configuration))),
        in_use_(*configuration_),
        clock_(
            loop_, [this] { agent_.run_due(); }, [this] { on_clock_step(); }),
        signals_(loop_, listen_to_service_signals().release()),
        manager_(loop_, [this] { return makes_progress(); }),
        endpoint_(loop_, [this](const HttpCall& call) { return answer(call, agent_, how_it_is(), log_); }),
        agent_(passes_, clock_, certificate_workers_, swap_workers_, proxy_workers_, log),
        certificate_workers_(loop_, 2 * configuration_->authority.at_a_time),  // half of them at the CA, half writing
        swap_workers_(loop_, swaps_at_a_time),
        proxy_workers_(loop_, proxies_at_a_time) {}

  int run() {
    log_({Priority::info,
          "started",
          {{"certificates", std::to_string(configuration_->certificates.size())},
           {"state", configuration_->state.string()}}});
    await_signal();
    agent_.on_change([this](const Outlook& outlook) { manager_.tell(outlook); });
    agent_.use(configuration_);
    listen();
    manager_.ready();
    loop_.run();
    log_({Priority::info, "stopped", {}});
    return 0;
  }

 private:
  bool makes_progress() const {
    return is_within(certificate_workers_, longest_tending) && is_within(swap_workers_, longest_swap) &&
           is_within(proxy_workers_, longest_adoption_);
  }

  DaemonStatus how_it_is() const {
    return {started_, options_.configuration.string(), refused_, not_listening_, makes_progress()};
  }

  // Who cannot be asked renews all the same.
  void listen() {
    const auto try_to = [this](const auto& where) {
      try {
        endpoint_.listen(where);
      } catch (const Error& error) {
        not_listening_.emplace_back(error.what());
        log_({Priority::error, "not-listening", {{"error", error.what()}, {"hint", error.hint()}}});
      }
    };
    try_to(configuration_->socket_path());
    if (configuration_->metrics) try_to(*configuration_->metrics);
  }

  void on_clock_step() {
    log_({Priority::warning, "clock-set", {{"now", format_time(clock_.now())}}});
    agent_.replan();
  }

  bool is_from_start(const Configuration& other) const {
    return other.state == configuration_->state && other.socket_path() == configuration_->socket_path() &&
           other.metrics == configuration_->metrics && other.authority.at_a_time == configuration_->authority.at_a_time;
  }

  void await_signal() {
    signals_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (error) return;
                          if (const auto signal = take_signal(signals_.native_handle())) obey(*signal);
                          await_signal();
                        });
  }

  void obey(int signal) {
    if (signal == SIGHUP) {
      manager_.reloading();
      reload();
      manager_.ready();
    } else {
      manager_.stopping();
      log_({Priority::info, "stopping", {}});
      agent_.stop([this] { loop_.stop(); });
    }
  }

  void reload() {
    auto loaded = load_configuration(options_.configuration);
    if (loaded.configuration && !is_from_start(*loaded.configuration))
      loaded.problems.push_back({options_.configuration,
                                 0,
                                 0,
                                 "\"state\", \"socket\", \"listen\" and \"at-a-time\" change only with a restart",
                                 {}});
    refused_.clear();
    for (const auto& problem : loaded.problems) {
      refused_.push_back(to_string(problem));
      log_({Priority::error, "configuration-refused", {{"problem", to_string(problem)}, {"hint", problem.hint}}});
    }
    if (!loaded.problems.empty()) return;
    configuration_ = std::make_shared<const Configuration>(*loaded.configuration);
    longest_adoption_ = std::max(longest_adoption_, longest_adoption(*configuration_));
    log_({Priority::info,
          "configuration-taken",
          {{"certificates", std::to_string(configuration_->certificates.size())}}});
    agent_.use(configuration_);
  }

  const Options& options_;
  Log log_;
  std::shared_ptr<const Configuration> configuration_;
  std::chrono::milliseconds longest_adoption_ = longest_adoption(*configuration_);  // under any of ours so far
  StateInUse in_use_;
  const Time started_ = system_now();
  std::vector<std::string> refused_;  // of the configuration that was read last
  std::vector<std::string> not_listening_;
  FilePasses passes_{configuration_->authority.at_a_time};
  boost::asio::io_context loop_{1};
  SystemClock clock_;
  boost::asio::posix::stream_descriptor signals_;
  ServiceManager manager_;
  HttpEndpoint endpoint_;
  Agent agent_;
  ThreadWorkers certificate_workers_;
  ThreadWorkers swap_workers_;
  ThreadWorkers proxy_workers_;
};

void tell(const std::vector<Event>& events, const Log& log) {
  for (const auto& event : events) log(event);
}

struct Outcome {
  bool well;
  bool trust_changed;
  bool delivered = false;
};

// What follows from what a pass for this certificate found.
Outcome deliver_once(FilePasses& passes, const Configuration& configuration, const ManagedCertificate& certificate,
                     const CertificateResult& result, const Log& log) {
  tell(result.events, log);
  if (!result.staged) {
    if (result.renewal) log(waiting_event(certificate.name, result));
    return {!result.failed, result.trust_changed};
  }
  const auto swapped = passes.swap(configuration, certificate, *result.staged);
  tell(swapped.events, log);
  return {!result.failed && !swapped.failed, result.trust_changed, swapped.delivered.has_value()};
}

}  // namespace

int serve(const Options& options, const Log& log) { return Service(options, log).run(); }

int once(const Options& options, const Log& log) {
  const auto configuration = require_configuration(options.configuration);
  const StateInUse in_use(configuration);
  FilePasses passes(1);  // one after the other
  const auto tend_all = [&](auto tend) {
    Outcome all{true, false};
    for (const auto& [name, certificate] : configuration.certificates) {
      const auto outcome = deliver_once(passes, configuration, certificate, tend(certificate), log);
      all = {all.well && outcome.well, all.trust_changed || outcome.trust_changed};
    }
    return all;
  };
  const auto tend = [&](const auto& certificate) { return passes.tend(configuration, certificate, {}); };
  auto outcome = tend_all([&](const auto& certificate) { return passes.retry_failed(configuration, certificate); });
  if (outcome.trust_changed) outcome = tend_all(tend);  // the first of them were looked at before
  bool well = outcome.well;
  std::deque<std::string> proxies;
  for (const auto& [name, proxy] : configuration.proxies) proxies.push_back(name);
  for (; !proxies.empty(); proxies.pop_front()) {
    const auto& proxy = configuration.proxies.at(proxies.front());
    auto result = passes.adopt(configuration, proxy, {});
    tell(result.events, log);
    if (!result.refused.empty()) {
      result = passes.judge(configuration, proxy, result.refused, {});
      tell(result.events, log);
      well = false;
    }
    well &= !result.try_again && !(result.account && outlived_deadline(*result.account, system_now()));
    std::ranges::copy(result.disturbed, std::back_inserter(proxies));
    for (const auto& adopted : result.adopted)  // the previous generation is not needed any more
      if (const auto one = configuration.certificates.find(adopted); one != configuration.certificates.end()) {
        const auto next = deliver_once(passes, configuration, one->second, tend(one->second), log);
        well &= next.well;
        if (next.delivered) std::ranges::copy(one->second.used_by, std::back_inserter(proxies));
      }
  }
  return well ? 0 : 1;
}

int check(const Options& options) {
  know_credentials_directory();
  const auto loaded = load_as_owner_of_state(options.configuration);
  for (const auto& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", to_string(problem).c_str());
    if (!problem.hint.empty()) std::fprintf(stderr, "  hint: %s\n", problem.hint.c_str());
  }
  if (!loaded.problems.empty()) return 1;
  for (const auto& file : secrets_for_everybody(*loaded.configuration)) {
    const auto name = escape(file.string());
    std::fprintf(stderr, "%s: warning: it is a secret, and everybody may read it\n  hint: chmod o-r %s\n", name.c_str(),
                 name.c_str());
  }
  std::fprintf(stderr, "%s: ok, %s\n", options.configuration.c_str(), contents_of(*loaded.configuration).c_str());
  return 0;
}

}  // namespace everleaf::agent
