// SPDX-License-Identifier: Apache-2.0
// What a rule for renewals does to a CA when a whole fleet follows it.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <everleaf/lifecycle/plan.hpp>

namespace everleaf::testing {

// All of a fleet of `hosts` get their first certificate within one minute. What comes to the CA is counted in windows:
// fewer hosts in longer windows come in as many at a time, with the same noise.
struct FleetSize {
  unsigned hosts;
  std::chrono::seconds window;
};
inline constexpr FleetSize full_size{100'000, std::chrono::minutes(1)};
inline constexpr FleetSize fifth_of_it{20'000, std::chrono::minutes(5)};

inline constexpr std::chrono::hours fleet_lifetime{24};
inline const Time fleet_start = std::chrono::sys_days(std::chrono::year(2026) / 1 / 2);

struct Outage {
  Time begin;
  Time end = begin + std::chrono::hours(6);

  bool contains(Time time) const { return begin <= time && time < end; }
  Time watched_until() const { return end + std::chrono::hours(24); }
};
inline Outage outage_after(std::chrono::hours age) { return {fleet_start + age}; }

struct FleetHost {
  unsigned number;
  unsigned generation = 0;
  PairOnDisk pair;
  Attempts attempts;

  void receive(Time now, unsigned hosts) {
    Fingerprint::Bytes bytes{};  // only the first eight decide about the spread
    const unsigned seed = hosts * generation++ + number;
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(seed >> (8 * i));
    pair = {{now, now + fleet_lifetime}, Fingerprint(bytes)};
    attempts = {.last_success = now};
  }
  void fail(Time now) {
    ++attempts.failures;
    attempts.last_failure = now;
  }
};

// When a host goes to the CA next, asked after each time it did.
using FleetRule = Time (*)(const FleetHost&, const Outage&, Time now);

inline Time by_plan(const FleetHost& host, const Outage&, Time now) {
  static const ManagedCertificate certificate{.name = "web"};
  return std::get<WaitUntil>(next_step(certificate, host.pair, host.attempts, {}, now).step).when;
}

// What `step ca renew --daemon` does: at two thirds, less up to a twentieth, and every minute after a failure (here:
// the first of these minutes that is not in vain).
inline Time by_step(const FleetHost& host, const Outage& outage, Time now) {
  using namespace std::chrono;
  if (host.attempts.failures > 0) return now + ceil<minutes>(outage.end - now);
  const auto spread = static_cast<double>(seconds(fleet_lifetime).count()) / 20 * host.pair.leaf.fraction();
  return host.pair.validity.not_after - seconds(fleet_lifetime) / 3 - seconds(static_cast<seconds::rep>(spread));
}

// Who goes to the CA in which second: a list for each.
class FleetCalendar {
 public:
  FleetCalendar(Time end, unsigned hosts) : nobody_(hosts), first_(index(end), nobody_), following_(hosts) {}

  void enter(unsigned host, Time when) {
    if (index(when) >= first_.size()) return;
    following_[host] = std::exchange(first_[index(when)], host);
  }
  template <typename Visit>
  void for_each(Time when, Visit visit) {
    for (unsigned host = first_[index(when)]; host != nobody_;) visit(std::exchange(host, following_[host]));
  }

 private:
  static std::size_t index(Time when) { return static_cast<std::size_t>((when - fleet_start).count()); }

  unsigned nobody_;
  std::vector<unsigned> first_;
  std::vector<unsigned> following_;
};

struct FleetLoad {
  FleetSize size;
  Outage outage;
  std::vector<unsigned> answered;  // in each window
  unsigned expired = 0;

  auto at(Time time) const { return answered.begin() + (time - fleet_start) / size.window; }
};

inline FleetLoad simulate(FleetRule rule, const Outage& outage, FleetSize size) {
  const Time end = outage.watched_until();
  FleetLoad load{size, outage, std::vector<unsigned>(static_cast<std::size_t>((end - fleet_start) / size.window) + 1)};
  FleetCalendar calendar(end, size.hosts);
  std::vector<FleetHost> fleet(size.hosts);
  for (unsigned i = 0; i < size.hosts; ++i) {
    const Time born = fleet_start + std::chrono::seconds(i % 60);
    fleet[i].number = i;
    fleet[i].receive(born, size.hosts);
    calendar.enter(i, rule(fleet[i], outage, born));
  }
  for (Time now = fleet_start; now < end; now += std::chrono::seconds(1))
    calendar.for_each(now, [&](unsigned i) {
      auto& host = fleet[i];
      if (now >= host.pair.validity.not_after) ++load.expired;
      if (outage.contains(now)) {
        host.fail(now);
      } else {
        host.receive(now, size.hosts);
        ++load.answered[static_cast<std::size_t>((now - fleet_start) / size.window)];
      }
      calendar.enter(i, rule(host, outage, now));
    });
  return load;
}

// What the fleet would ask for in each window if there were no waves: every host as often as it does in the first
// cycle, which no outage must have disturbed.
inline double mean_of(const FleetLoad& load) {
  double windows_of_all = 0;
  for (auto one = load.at(fleet_start); one != load.at(fleet_start + fleet_lifetime); ++one)
    windows_of_all += (static_cast<double>(one - load.at(fleet_start)) + 0.5) * *one;
  return double{1} * load.size.hosts * load.size.hosts / windows_of_all;
}

// The busiest windows, in multiples of the mean.
struct FleetWaves {
  double first_cycle;
  double after_outage;
  unsigned expired;
};

inline FleetWaves waves_of(const FleetLoad& load, double mean) {
  const auto busiest = [&](Time from, Time to) { return *std::max_element(load.at(from), load.at(to)) / mean; };
  return {busiest(fleet_start, fleet_start + fleet_lifetime), busiest(load.outage.end, load.outage.watched_until()),
          load.expired};
}

}  // namespace everleaf::testing
