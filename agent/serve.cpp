// SPDX-License-Identifier: Apache-2.0
#include "agent/serve.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>

#include <everleaf/config/load.hpp>
#include <everleaf/error/error.hpp>
#include "agent/agent.hpp"
#include "agent/file_passes.hpp"
#include "agent/service_manager.hpp"

namespace everleaf::agent {
namespace {

constexpr std::size_t at_the_ca_at_a_time = 4;
constexpr std::size_t proxies_at_a_time = 2;

// What takes longer than this does not end any more: everything in it has a limit of its own, but the disk.
constexpr std::chrono::minutes longest_tending{5};
constexpr std::chrono::seconds slow_disk{30};

std::chrono::milliseconds longest_adoption(const Configuration& configuration) {
  std::chrono::milliseconds longest{0};
  for (const auto& [name, proxy] : configuration.proxies) longest = std::max(longest, proxy.time_limit);
  return 3 * longest + slow_disk;  // asking for the main process, reloading, awaiting a worker
}

// The signals that we live by, as a descriptor. They are blocked for good, in every thread that is made after this: a
// second SIGTERM while we end must not kill us.
int listen_to_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGHUP, SIG_DFL);  // it was ignored until now
  const int descriptor = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor < 0) throw system_error("cannot listen to signals", errno);
  return descriptor;
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
        signals_(loop_, listen_to_signals()),
        manager_(loop_, [this] { return makes_progress(); }),
        agent_(passes_, clock_, certificate_workers_, proxy_workers_, log),
        certificate_workers_(loop_, at_the_ca_at_a_time),
        proxy_workers_(loop_, proxies_at_a_time) {}

  int run() {
    log_({Priority::info,
          "started",
          {{"certificates", std::to_string(configuration_->certificates.size())},
           {"state", configuration_->state.string()}}});
    await_signal();
    agent_.on_change([this](const Outlook& outlook) { manager_.tell(outlook); });
    agent_.use(configuration_);
    manager_.ready();
    loop_.run();
    log_({Priority::info, "stopped", {}});
    return 0;
  }

 private:
  bool makes_progress() const {
    return is_within(certificate_workers_, longest_tending) && is_within(proxy_workers_, longest_adoption_);
  }

  void on_clock_step() {
    log_({Priority::warning, "clock-set", {{"now", format_time(clock_.now())}}});
    agent_.replan();
  }

  void await_signal() {
    signals_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (error) return;
                          signalfd_siginfo signal{};
                          if (::read(signals_.native_handle(), &signal, sizeof signal) == sizeof signal)
                            obey(static_cast<int>(signal.ssi_signo));
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
    const auto loaded = load_configuration(options_.configuration);
    for (const auto& problem : loaded.problems)
      log_({Priority::error, "configuration-refused", {{"problem", to_string(problem)}, {"hint", problem.hint}}});
    if (!loaded.configuration) return;
    if (loaded.configuration->state != configuration_->state)
      return log_({Priority::error, "configuration-refused", {{"problem", "\"state\" changes only with a restart"}}});
    configuration_ = std::make_shared<const Configuration>(*loaded.configuration);
    longest_adoption_ = std::max(longest_adoption_, longest_adoption(*configuration_));
    log_({Priority::info,
          "configuration-taken",
          {{"certificates", std::to_string(configuration_->certificates.size())}}});
    retry_at_once(*configuration_);
    agent_.use(configuration_);
  }

  const Options& options_;
  Log log_;
  std::shared_ptr<const Configuration> configuration_;
  std::chrono::milliseconds longest_adoption_ = longest_adoption(*configuration_);  // under any of ours so far
  StateInUse in_use_;
  FilePasses passes_;
  boost::asio::io_context loop_{1};
  SystemClock clock_;
  boost::asio::posix::stream_descriptor signals_;
  ServiceManager manager_;
  Agent agent_;
  ThreadWorkers certificate_workers_;
  ThreadWorkers proxy_workers_;
};

void tell(const std::vector<Event>& events, const Log& log) {
  for (const auto& event : events) log(event);
}

// Whether the certificate is well afterwards.
bool tend_once(FilePasses& passes, const Configuration& configuration, const ManagedCertificate& certificate,
               const Log& log) {
  auto result = passes.tend(configuration, certificate, {});
  tell(result.events, log);
  if (!result.staged) {
    if (result.renewal) log(waiting_event(certificate.name, result));
    return !result.failed;
  }
  result = passes.swap(configuration, certificate, *result.staged);
  tell(result.events, log);
  return !result.failed;
}

}  // namespace

int serve(const Options& options, const Log& log) { return Service(options, log).run(); }

int once(const Options& options, const Log& log) {
  const auto configuration = require_configuration(options.configuration);
  const StateInUse in_use(configuration);
  retry_at_once(configuration);
  FilePasses passes;
  bool well = true;
  for (const auto& [name, certificate] : configuration.certificates)
    well &= tend_once(passes, configuration, certificate, log);
  for (const auto& [name, proxy] : configuration.proxies) {
    const auto result = passes.adopt(configuration, proxy, {});
    tell(result.events, log);
    well &= !result.try_again;
    for (const auto& adopted : result.adopted)  // the previous generation is not needed any more
      if (const auto one = configuration.certificates.find(adopted); one != configuration.certificates.end())
        well &= tend_once(passes, configuration, one->second, log);
  }
  return well ? 0 : 1;
}

int check(const Options& options) {
  const auto loaded = load_configuration(options.configuration);
  for (const auto& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", to_string(problem).c_str());
    if (!problem.hint.empty()) std::fprintf(stderr, "  hint: %s\n", problem.hint.c_str());
  }
  if (loaded.configuration)
    std::fprintf(stderr, "%s: ok, %zu certificates, %zu proxies\n", options.configuration.c_str(),
                 loaded.configuration->certificates.size(), loaded.configuration->proxies.size());
  return loaded.configuration ? 0 : 1;
}

}  // namespace everleaf::agent
