// SPDX-License-Identifier: Apache-2.0
// What the plan does to a CA when a whole fleet follows it; scripts/bench shows all of a fleet, at any time.
#include <doctest/doctest.h>

#include <string>

#include <tests/support/fleet.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

FleetWaves waves(const std::string& who, FleetRule rule, const Outage& outage, FleetSize size) {
  static const double mean = mean_of(simulate(by_plan, outage_after(240h), fifth_of_it));
  const auto load = simulate(rule, outage, size);
  const auto waves = waves_of(load, rule == by_plan ? mean : mean_of(load));
  MESSAGE(who, ": the busiest window of the first cycle has ", waves.first_cycle, " x the mean, after the outage ",
          waves.after_outage, " x; ", waves.expired, " expired");
  return waves;
}

}  // namespace

TEST_CASE("a fleet provisioned in one minute comes to the CA in low waves, also after an outage, and none expires") {
  const auto seen = waves("everleaf", by_plan, outage_after(240h), fifth_of_it);
  CHECK(seen.first_cycle <= 4);
  CHECK(seen.after_outage <= 7);
  CHECK(seen.expired == 0);
}

TEST_CASE("it does so whenever the outage is, while all of the first or second cycle are due as well") {
  for (const auto age : {9h, 12h, 24h}) {
    const auto seen = waves("everleaf, the worst times", by_plan, outage_after(age), fifth_of_it);
    CHECK(seen.after_outage <= 7);
    CHECK(seen.expired == 0);
  }
}

TEST_CASE("by step's rule the same fleet comes in high waves") {
  const auto seen = waves("step", by_step, outage_after(240h), {fifth_of_it.hosts, 1min});
  CHECK(seen.first_cycle > 10);
  CHECK(seen.after_outage > 100);
}
