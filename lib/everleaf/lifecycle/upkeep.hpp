// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <variant>

#include <everleaf/lifecycle/plan.hpp>

namespace everleaf {

// When the one certificate is renewed that `everleaf ca renew --daemon` keeps fresh, beside which there is no
// configuration.
struct UpkeepRule {
  std::optional<std::chrono::seconds> expires_in;  // when it expires within this; nothing: a third of its lifetime
  std::optional<std::chrono::seconds> period;      // instead: when it is this old
};

// As step has it: up to a twentieth of the lifetime before that, but where step draws, the fingerprint decides, so that
// the time is the same after a restart.
Time renewal_time(const PairOnDisk& pair, const UpkeepRule& rule);

// A hook that has not heard of the present certificate yet.
struct OwedHook {
  unsigned failures = 0;
  std::optional<Time> last_failure{};
};

// How long a hook may take: until the certificate is renewed again in `to_renewal`, which waits for it; at least half a
// minute, at most an hour, so that it is heard of one that hangs.
std::chrono::seconds time_for_hook(std::chrono::seconds to_renewal);

struct RunHook {};
using UpkeepStep = std::variant<WaitUntil, Renew, RunHook>;
// What is to be done next. Failures of the CA are answered as everleafd answers them, those of the hook as it answers a
// proxy's, for as long as it takes.
UpkeepStep next_step(const PairOnDisk& pair, const UpkeepRule& rule, const Attempts& attempts,
                     const std::optional<OwedHook>& owed, Time now);

}  // namespace everleaf
