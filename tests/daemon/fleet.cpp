// SPDX-License-Identifier: Apache-2.0
// What the plan does to a CA when a whole fleet follows it.
#include <everleaf/lifecycle/plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace everleaf;
using namespace std::chrono;

namespace {

// A fifth of the hosts we speak of, for the sake of speed; counted in windows of five minutes they come in as many at a
// time as all of them in one minute, so the noise is the same. (All of them in minutes, for which there is no time in
// each run: 4.0 x, 5.7 x and, at the worst time, 11.0 x.)
constexpr unsigned hosts = 100'000 / 5;
constexpr seconds window_of_plan = 5min;

constexpr seconds lifetime = 24h;
const Time start = sys_days{2026y / January / 2};

struct Outage {
  Time begin;
  Time end = begin + 6h;

  bool contains(Time time) const { return begin <= time && time < end; }
  Time watched_until() const { return end + 24h; }
};

struct Host {
  unsigned number;
  unsigned generation = 0;
  PairOnDisk pair;
  Attempts attempts;

  void receive(Time now) {
    Fingerprint::Bytes bytes{};  // only the first eight decide about the spread
    const unsigned seed = hosts * generation++ + number;
    for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(seed >> (8 * i));
    pair = {{now, now + lifetime}, Fingerprint(bytes)};
    attempts = {.last_success = now};
  }
  void fail(Time now) {
    ++attempts.failures;
    attempts.last_failure = now;
  }
};

// When a host goes to the CA next, asked after each time it did.
using Rule = Time (*)(const Host&, const Outage&, Time now);

Time by_plan(const Host& host, const Outage&, Time now) {
  static const ManagedCertificate certificate{.name = "web"};
  return std::get<WaitUntil>(next_step(certificate, host.pair, host.attempts, {}, now).step).when;
}

// What `step ca renew --daemon` does: at two thirds, less up to a twentieth, and every minute after a failure (here:
// the first of these minutes that is not in vain).
Time by_step(const Host& host, const Outage& outage, Time now) {
  if (host.attempts.failures > 0) return now + ceil<minutes>(outage.end - now);
  const auto spread = static_cast<double>(lifetime.count()) / 20 * host.pair.leaf.fraction();
  return host.pair.validity.not_after - lifetime / 3 - seconds(static_cast<seconds::rep>(spread));
}

// Who goes to the CA in which second: a list for each.
class Calendar {
 public:
  explicit Calendar(Time end) : first_(index(end), nobody), following_(hosts) {}

  void enter(unsigned host, Time when) {
    if (index(when) >= first_.size()) return;
    following_[host] = std::exchange(first_[index(when)], host);
  }
  template <typename Visit>
  void for_each(Time when, Visit visit) {
    for (unsigned host = first_[index(when)]; host != nobody;) visit(std::exchange(host, following_[host]));
  }

 private:
  static constexpr unsigned nobody = hosts;
  static std::size_t index(Time when) { return static_cast<std::size_t>((when - start).count()); }

  std::vector<unsigned> first_;
  std::vector<unsigned> following_;
};

struct Load {
  seconds window;
  std::vector<unsigned> answered;  // in each window
  unsigned expired = 0;

  auto at(Time time) const { return answered.begin() + (time - start) / window; }
  // What a fleet without any waves would ask for in each window: every host as often as it does in the first cycle.
  double mean() const {
    double windows_of_all = 0;
    for (auto one = at(start); one != at(start + lifetime); ++one)
      windows_of_all += (static_cast<double>(one - at(start)) + 0.5) * *one;
    return double{hosts} * hosts / windows_of_all;
  }
  double busiest(Time from, Time to) const { return *std::max_element(at(from), at(to)) / mean(); }
};

Load simulate(Rule rule, const Outage& outage, seconds window) {
  const Time end = outage.watched_until();
  Load load{window, std::vector<unsigned>(static_cast<std::size_t>((end - start) / window) + 1)};
  Calendar calendar(end);
  std::vector<Host> fleet(hosts);
  for (unsigned i = 0; i < hosts; ++i) {
    fleet[i].number = i;
    fleet[i].receive(start + seconds(i % 60));
    calendar.enter(i, rule(fleet[i], outage, start + seconds(i % 60)));
  }
  for (Time now = start; now < end; now += 1s)
    calendar.for_each(now, [&](unsigned i) {
      auto& host = fleet[i];
      if (now >= host.pair.validity.not_after) ++load.expired;
      if (outage.contains(now)) {
        host.fail(now);
      } else {
        host.receive(now);
        ++load.answered[static_cast<std::size_t>((now - start) / window)];
      }
      calendar.enter(i, rule(host, outage, now));
    });
  return load;
}

struct Waves {
  double first_cycle;
  double after_outage;
};

Waves waves_of(const std::string& who, const Load& load, const Outage& outage) {
  const Waves waves{load.busiest(start, start + lifetime), load.busiest(outage.end, outage.watched_until())};
  MESSAGE(who, ": the busiest minute of the first cycle has ", waves.first_cycle, " x the mean, after the outage ",
          waves.after_outage, " x; ", load.expired, " expired");
  return waves;
}

}  // namespace

TEST_CASE("a fleet provisioned in one minute comes to the CA in low waves, also after an outage, and none expires") {
  const Outage outage{start + 240h};
  const auto load = simulate(by_plan, outage, window_of_plan);
  const auto waves = waves_of("everleaf", load, outage);
  CHECK(waves.first_cycle <= 4);
  CHECK(waves.after_outage <= 7);
  CHECK(load.expired == 0);
}

TEST_CASE("an outage at the worst time, while all are due in the second cycle, makes a wave that a CA can stand") {
  const Outage outage{start + 24h};
  const auto load = simulate(by_plan, outage, window_of_plan);
  CHECK(waves_of("everleaf, worst time", load, outage).after_outage <= 12);
  CHECK(load.expired == 0);
}

TEST_CASE("by step's rule the same fleet comes in high waves") {
  const Outage outage{start + 240h};
  const auto waves = waves_of("step", simulate(by_step, outage, 1min), outage);
  CHECK(waves.first_cycle > 10);
  CHECK(waves.after_outage > 100);
}
