// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/upkeep.hpp>

#include <algorithm>

namespace everleaf {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

Time next_run(const OwedHook& owed, const Fingerprint& spread, Time now) {
  if (owed.failures == 0 || !owed.last_failure || *owed.last_failure > now) return now;
  return retry_time_without_deadline(spread, owed.failures, *owed.last_failure);
}

}  // namespace

Time renewal_time(const PairOnDisk& pair, const UpkeepRule& rule) {
  const auto& validity = pair.validity;
  if (rule.period) return validity.not_before + *rule.period;
  const auto spread = static_cast<double>(validity.lifetime().count()) / 20 * pair.leaf.fraction();
  return validity.not_after - rule.expires_in.value_or(validity.lifetime() / 3) -
         seconds(static_cast<seconds::rep>(spread));
}

seconds time_for_hook(seconds to_renewal) { return std::clamp<seconds>(to_renewal, 30s, 1h); }

UpkeepStep next_step(const PairOnDisk& pair, const UpkeepRule& rule, const Attempts& attempts,
                     const std::optional<OwedHook>& owed, Time now) {
  const Time renewal = next_renewal(pair, renewal_time(pair, rule), attempts, now);
  const Time run = owed ? next_run(*owed, pair.leaf, now) : Time::max();
  if (run <= now) return RunHook{};
  if (renewal <= now) return Renew{};
  return WaitUntil{std::min(renewal, run)};
}

}  // namespace everleaf
