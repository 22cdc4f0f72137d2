// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "agent/agenda.hpp"
#include "agent/passes.hpp"
#include "agent/status.hpp"
#include "agent/wall_clock.hpp"
#include "agent/workers.hpp"

namespace everleaf::agent {

// How it stands altogether.
struct Outlook {
  std::size_t certificates = 0;
  std::size_t failing = 0;  // certificates and proxies with which the last try failed, or that drain for too long
  std::optional<std::pair<Time, std::string>> next_renewal;
};

// Decides which pass runs when. All state is its own and is touched on the loop only. What it keeps:
// - a certificate has at most one pass under way, a proxy at most one swap or reload;
// - so no certificate is swapped under a proxy that is reloading;
// - what a proxy refused is judged while nothing else happens to it, to the certificates, or to who uses them;
// - deliveries within the settle window are one reload, and once it is over nothing is swapped before that reload; but
//   a proxy that failed, and waits for its turn among others that do, holds up nothing.
class Agent {
 public:
  static constexpr std::chrono::seconds settle_window{2};

  // Each kind of work has workers of its own, so that a silent CA does not hold up a reload, nor hooks that hang a
  // swap.
  Agent(Passes& passes, WallClock& clock, Workers& certificate_workers, Workers& swap_workers, Workers& proxy_workers,
        Log log)
      : passes_(passes),
        clock_(clock),
        certificate_workers_(certificate_workers),
        swap_workers_(swap_workers),
        proxy_workers_(proxy_workers),
        log_(std::move(log)) {}

  // Begins with this configuration; or goes on with it: everything is looked at anew, and what failed is tried at once.
  void use(std::shared_ptr<const Configuration> configuration);
  // Starts what is due; to be called when the clock's alarm rings.
  void run_due();
  // The clock was set: what is due may have changed.
  void replan();
  // Hears of the outlook whenever something may have changed it.
  void on_change(std::function<void(const Outlook&)> tell) { tell_ = std::move(tell); }
  // How it stands right now.
  Status status() const;
  // Renews `name` as soon as a worker is free, whether it is due or not. False: there is no such certificate.
  bool renew(const std::string& name);
  // Begins nothing more and cancels what is under way. `when_idle` is called on the loop when all of it is over.
  void stop(std::function<void()> when_idle);

 private:
  struct CertificateEntry {
    bool busy = false;
    bool failed = false;              // the last time; counted in failing_
    bool look_again_at_once = false;  // something changed during the pass, or before the swap
    std::optional<Time> renewal;      // as announced in the log
    std::string complaint{};          // likewise
    Time expires = Time::max();       // as far as we know
    bool asked = false;               // for a renewal
    bool obliging = false;            // the pass under way is that renewal
    bool forgiven = false;            // what failed is tried at once
    // For who asks how it stands.
    std::optional<PairOnDisk> pair{};
    Attempts attempts{};
    std::string problem{};
    std::string hint{};
    std::optional<Time> next_try{};
  };

  void run_due_proxies(Time now);
  void run_swaps();
  void run_due_certificates(Time now);
  void set_alarm();
  void look_at(const std::string& name);
  void look_at(const std::string& name, const CertificateEntry& entry, Time when);
  bool may_reload(const std::string& proxy) const;
  bool is_overdue(const std::string& proxy) const;
  bool is_next(const std::string& proxy) const;
  bool may_swap(const ManagedCertificate& certificate) const;
  void start_tending(const std::string& name);
  void start_swap(const std::string& name, const Staged& staged);
  void start_adoption(const std::string& name);
  void run_trials();
  bool may_judge(const std::vector<std::string>& certificates) const;
  void start_trial(const std::string& proxy, const std::vector<std::string>& certificates);
  void settle_trial(const std::string& proxy, const std::vector<std::string>& certificates,
                    const std::set<std::string>& proxies, const ProxyResult& result);
  void settle_certificate(const std::string& name, const CertificateResult& result);
  void settle_swap(const std::string& name, const std::vector<std::string>& proxies, const CertificateResult& result);
  void reload_by(const std::string& proxy, Time when);
  void look_at_used_by(const std::string& proxy);
  void reload_owing(const std::vector<std::string>& proxies);
  void settle_adoption(const std::string& name, const ProxyResult& result);
  void note_adoption(const std::string& name, const ProxyResult& result);
  void look_at_failed();
  void count(const std::string& name, CertificateEntry& entry, const CertificateResult& result);
  void discount(const std::string& name, const CertificateEntry& entry);
  void note(CertificateEntry& entry, const CertificateResult& result) const;
  void finish_job();
  Outlook outlook() const;
  std::optional<std::chrono::seconds> ca_clock_ahead() const;

  Passes& passes_;
  WallClock& clock_;
  Workers& certificate_workers_;
  Workers& swap_workers_;
  Workers& proxy_workers_;
  Log log_;
  std::shared_ptr<const Configuration> configuration_;
  std::map<std::string, CertificateEntry> certificates_;
  std::size_t failing_ = 0;                          // certificates
  std::set<std::pair<Time, std::string>> renewals_;  // of those that do not fail
  std::map<std::string, Staged> staged_;             // certificates that wait for their proxies
  std::set<std::string> busy_proxies_;
  std::set<std::string> failing_proxies_;
  std::map<std::string, std::vector<std::string>> refused_;  // by proxies, and to be judged when nobody is at it
  std::map<std::string, ProxyStatus> known_proxies_;         // as far as adoptions and swaps told
  std::vector<std::string> overdue_proxies_;  // in turn, to be reloaded as soon as they are idle and a worker is free
  Agenda due_certificates_;
  Agenda due_proxies_;
  std::optional<Time> looked_at_failed_;
  std::stop_source stop_;
  std::function<void()> when_idle_;
  std::function<void(const Outlook&)> tell_;
  unsigned running_ = 0;
};

}  // namespace everleaf::agent
