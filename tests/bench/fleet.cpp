// SPDX-License-Identifier: Apache-2.0
// A table: what 100,000 hosts that were provisioned in one minute do to their CA, by our plan and by step's rule, with
// an outage of six hours at different times. Usage: fleet_bench
#include <cstdio>

#include <tests/support/fleet.hpp>

namespace {

using namespace everleaf;
using namespace everleaf::testing;

struct Row {
  const char* when;
  std::chrono::hours age;
};

constexpr Row rows[] = {
    {"all are fresh", std::chrono::hours(2)},           {"half are due, 1st cycle", std::chrono::hours(8)},
    {"most are due, 1st cycle", std::chrono::hours(9)}, {"all are due, 1st cycle", std::chrono::hours(10)},
    {"all get due again", std::chrono::hours(12)},      {"2nd cycle", std::chrono::hours(22)},
    {"2nd cycle, later", std::chrono::hours(24)},       {"3rd cycle", std::chrono::hours(38)},
    {"after ten days", std::chrono::hours(240)}};

void print_row(const Row& row, const char* name, FleetRule rule, double mean) {
  const auto waves = waves_of(simulate(rule, outage_after(row.age), full_size), mean);
  std::printf("  %-24s %6ld h  %-9s %8.1f x %9u\n", row.when, static_cast<long>(row.age.count()), name,
              waves.after_outage, waves.expired);
}

}  // namespace

int main() {
  const auto ours = simulate(by_plan, outage_after(std::chrono::hours(240)), full_size);
  const auto steps = simulate(by_step, outage_after(std::chrono::hours(240)), full_size);
  std::printf("The busiest minute at the CA of 100,000 hosts, in multiples of the mean (everleaf %.0f, step %.0f)\n",
              mean_of(ours), mean_of(steps));
  std::printf("  first cycle: everleaf %.1f x, step %.1f x\n", waves_of(ours, mean_of(ours)).first_cycle,
              waves_of(steps, mean_of(steps)).first_cycle);
  std::printf("  %-24s %8s  %-9s %10s %9s\n", "outage of 6 h", "begins", "rule", "after it", "expired");
  for (const auto& row : rows) {
    print_row(row, "everleaf", by_plan, mean_of(ours));
    print_row(row, "step", by_step, mean_of(steps));
  }
}
