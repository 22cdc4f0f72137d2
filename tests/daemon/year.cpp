// SPDX-License-Identifier: Apache-2.0
// The agent on the real plan, for as long as hosts really run.
#include <doctest/doctest.h>

#include <everleaf/lifecycle/plan.hpp>
#include <tests/support/virtual_time.hpp>
#include "agent/agent.hpp"

using namespace everleaf;
using namespace everleaf::agent;
using namespace std::chrono;

namespace {

const Time start = sys_days{2026y / January / 2};

// A host whose certificates, CA and proxy do what real ones do, at once.
class PlannedHost : public Passes {
 public:
  explicit PlannedHost(seconds lifetime, unsigned certificates) : lifetime_(lifetime) {
    auto configuration = std::make_shared<Configuration>(
        Configuration{.authority = {HttpsUrl::parse("https://ca.internal"), Fingerprint{}}});
    configuration->proxies["nginx"] = {"nginx", NoReload{}};
    for (unsigned i = 0; i < certificates; ++i) {
      const auto name = "certificate-" + std::to_string(i);
      configuration->certificates[name] = {.name = name, .enroll = TokenFile{"/token"}, .used_by = {"nginx"}};
    }
    agent_.use(std::move(configuration));
    workers_.finish_all();
  }

  void run_until(Time end) {
    while (clock_.alarm() && *clock_.alarm() <= end) {
      ++rings;
      clock_.go_to_alarm();
      agent_.run_due();
      workers_.finish_all();
    }
    clock_.set(end);
  }
  // Somebody sets the clock; the CA's goes on as it was.
  void step_clock(seconds by) {
    clock_error_ += by;
    sleep_until(clock_.now() + by);
  }
  Time now() const { return clock_.now(); }
  void damage(const std::string& name) { std::get<PairOnDisk>(kept_[name].on_disk).damage = "tls.pem is cut"; }
  // The machine sleeps, and everything notices when it wakes.
  void sleep_until(Time end) {
    clock_.set(end);
    agent_.replan();
    workers_.finish_all();
  }

  bool ca_is_away = false;
  bool proxy_refuses = false;
  unsigned rings = 0;
  unsigned requests = 0;
  unsigned deliveries = 0;
  unsigned reloads = 0;
  unsigned expired = 0;  // certificates that were when they were renewed
  std::vector<Obligation> owed;

 private:
  struct Kept {
    OnDisk on_disk;
    Attempts attempts;
    std::optional<PairOnDisk> staged;
  };

  void ask_ca(Kept& kept, const std::string& name) {
    ++requests;
    const Time now = clock_.now();
    if (ca_is_away) {
      ++kept.attempts.failures;
      kept.attempts.last_failure = now;
      ca_was_away_ = true;
      return;
    }
    const Time issued = now - clock_error_;
    kept.staged = PairOnDisk{{issued, issued + lifetime_}, Fingerprint::of(name + format_time(now))};
    kept.attempts = {.last_success = now};
    if (std::exchange(ca_was_away_, false)) ca_back_ = now;
  }

  CertificateResult tend(const Configuration&, const ManagedCertificate& certificate, std::stop_token) override {
    auto& kept = kept_[certificate.name];
    const Time now = clock_.now();
    const auto* pair = std::get_if<PairOnDisk>(&kept.on_disk);
    kept.attempts.ca_back = ca_back_;
    if (pair != nullptr && pair->validity.not_after <= now - clock_error_) ++expired;
    auto plan = next_step(certificate, kept.on_disk, kept.attempts, {}, now);
    if (std::holds_alternative<Repair>(plan.step)) {
      kept.staged = *pair;
      kept.staged->damage.clear();
      return {.staged = Staged{}};
    }
    if (!std::holds_alternative<WaitUntil>(plan.step)) {
      ask_ca(kept, certificate.name);
      if (kept.staged) return {.staged = Staged{}, .issued = true};
      plan = next_step(certificate, kept.on_disk, kept.attempts, {}, now);
    }
    return {.look_again = std::min<Time>(std::get<WaitUntil>(plan.step).when, now + 1h),
            .expires = pair == nullptr ? std::nullopt : std::optional(pair->validity.not_after),
            .failed = kept.attempts.failures > 0};
  }

  CertificateResult swap(const Configuration&, const ManagedCertificate& certificate, const Staged&) override {
    auto& kept = kept_[certificate.name];
    kept.on_disk = *std::exchange(kept.staged, std::nullopt);
    owed.push_back({certificate.name, {}, clock_.now()});
    ++deliveries;
    return {.look_again = clock_.now()};
  }

  ProxyResult judge(const Configuration&, const Proxy&, const std::vector<std::string>&, std::stop_token) override {
    return {};
  }

  ProxyResult adopt(const Configuration&, const Proxy&, std::stop_token) override {
    if (owed.empty()) return {};
    ++reloads;
    if (proxy_refuses) return {.try_again = clock_.now() + 30min};
    ProxyResult result;
    for (const auto& one : std::exchange(owed, {})) result.adopted.push_back(one.certificate);
    return result;
  }

  seconds lifetime_;
  seconds clock_error_{0};
  bool ca_was_away_ = false;
  std::optional<Time> ca_back_;
  std::map<std::string, Kept> kept_;
  VirtualClock clock_{start};
  QueuedWorkers workers_;
  Agent agent_{*this, clock_, workers_, workers_, workers_, [](const Event&) {}};
};

}  // namespace

TEST_CASE("for a year one certificate is renewed when it is due, and the agent wakes for nothing else") {
  PlannedHost host(24h, 1);
  host.run_until(start + days(365));
  CHECK(host.deliveries >= 365 * 24 / 16);
  CHECK(host.deliveries <= 365 * 24 / 12 + 1);
  CHECK(host.requests == host.deliveries);
  CHECK(host.reloads == host.deliveries);
  CHECK(host.expired == 0);
  CHECK(host.owed.empty());
  // Every hour it looks at the files; a renewal is the time it is due and the end of the settle window.
  CHECK(host.rings <= 365 * 24 + 3 * host.deliveries);
}

TEST_CASE("a CA that is away for six hours every third day is asked seldom, and nothing expires") {
  PlannedHost host(24h, 1);
  for (unsigned outage = 0; outage < 120; ++outage) {
    const Time begin = start + hours(72 * outage + 40);
    host.run_until(begin);
    host.ca_is_away = true;
    const unsigned before = host.requests;
    host.run_until(begin + 6h);
    CHECK(host.requests - before <= 8);
    host.ca_is_away = false;
  }
  CHECK(host.expired == 0);
}

TEST_CASE("certificates of half a minute outlive outages of five seconds") {
  PlannedHost host(30s, 3);
  for (unsigned i = 1; i < 100; ++i) {
    host.run_until(start + i * 100s);
    host.ca_is_away = true;
    host.run_until(start + i * 100s + 5s);
    host.ca_is_away = false;
  }
  CHECK(host.expired == 0);
}

TEST_CASE("twenty certificates that are due when the machine wakes up are one reload") {
  PlannedHost host(24h, 20);
  CHECK(host.reloads == 0);
  host.run_until(start + 1min);
  CHECK(host.deliveries == 20);
  CHECK(host.reloads == 1);
  host.run_until(start + 10h);
  host.sleep_until(start + 20h);
  host.run_until(start + 20h + 1min);
  CHECK(host.deliveries == 40);
  CHECK(host.reloads == 2);
  CHECK(host.owed.empty());
}

TEST_CASE("twenty certificates on one proxy are all adopted, through outages, sleep and a broken configuration") {
  PlannedHost host(24h, 20);
  for (int day = 1; day < 40; ++day) {
    host.run_until(start + days(day));
    host.ca_is_away = day % 5 == 0;
    host.proxy_refuses = day % 7 == 0;
    host.run_until(start + days(day) + 6h);
    host.ca_is_away = false;
    host.proxy_refuses = false;
    if (day % 11 == 0) host.sleep_until(start + days(day) + 12h);
  }
  host.run_until(start + days(40));
  CHECK(host.expired == 0);
  CHECK(host.owed.empty());
  CHECK(host.reloads <= host.deliveries);
}

TEST_CASE("when the CA is back for one, all that failed follow within a minute") {
  PlannedHost host(24h, 100);
  host.run_until(start + 11h);
  host.ca_is_away = true;
  host.run_until(start + 17h);
  const unsigned before = host.deliveries;
  CHECK(before == 100);
  host.ca_is_away = false;
  while (host.deliveries == before) host.run_until(host.now() + 1s);
  host.run_until(host.now() + 1s);
  CHECK(host.deliveries < before + 20);  // spread, not all at once
  host.run_until(host.now() + time_to_follow);
  CHECK(host.deliveries == before + 100);
}

TEST_CASE("a clock set forward by 20 hours makes no storm, and set right again no harm") {
  PlannedHost host(24h, 20);
  host.run_until(start + 6h);
  host.step_clock(20h);
  CHECK(host.requests == 40);  // all are expired, as it seems
  host.run_until(host.now() + 10h);
  CHECK(host.requests <= 40 + 20 * 10);  // what comes is soon due again: a quarter of what seems left has to pass
  const unsigned before = host.requests;
  host.step_clock(-20h);
  CHECK(host.requests == before);
  host.run_until(host.now() + 72h);
  CHECK(host.expired == 0);
}

TEST_CASE("a clock set back by 25 hours makes no storm: what is not valid yet is not due") {
  PlannedHost host(24h, 20);
  host.run_until(start + 6h);
  host.step_clock(-25h);
  CHECK(host.requests == 20);
  const unsigned before = host.rings;
  host.run_until(host.now() + 10h);
  CHECK(host.requests == 20);
  CHECK(host.rings <= before + 20 * 10);
  host.step_clock(25h);  // in time
  host.run_until(host.now() + 72h);
  CHECK(host.expired == 0);
}

TEST_CASE("failures before a clock was set back are forgotten, and those after it are not repeated at once") {
  PlannedHost host(24h, 20);
  host.run_until(start + 11h);
  host.ca_is_away = true;
  host.run_until(start + 16h);
  const unsigned before = host.requests;
  host.step_clock(-1h);
  host.run_until(host.now() + 10min);
  CHECK(host.requests - before <= 20 * 3);
  host.ca_is_away = false;
  host.run_until(host.now() + 7h);
  CHECK(host.deliveries == 40);
  CHECK(host.expired == 0);
}

TEST_CASE("frozen past the due time, it renews as soon as it runs again") {
  PlannedHost host(24h, 20);
  host.run_until(start + 6h);
  host.sleep_until(start + 23h);
  CHECK(host.deliveries == 40);
  CHECK(host.expired == 0);
}

TEST_CASE("what somebody damages is put right within the hour, by one delivery and one reload, and the CA not asked") {
  PlannedHost host(24h, 20);
  host.run_until(start + 2h);
  host.damage("certificate-7");
  host.run_until(start + 3h + 1min);
  CHECK(host.deliveries == 21);
  CHECK(host.reloads == 2);
  host.run_until(start + 9h);
  CHECK(host.deliveries == 21);
  CHECK(host.reloads == 2);
  CHECK(host.requests == 20);
  CHECK(host.owed.empty());
}
