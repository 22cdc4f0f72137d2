// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/state/state.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {

// What lies where the certificate belongs.
struct NothingOnDisk {};
struct UnusableOnDisk {  // it does not parse, or the pair does not match: somebody must look at it
  std::string reason;
};
struct PairOnDisk {
  Validity validity;
  Fingerprint leaf;
  std::string missing_names{};  // configured, but not in the certificate
};
using OnDisk = std::variant<NothingOnDisk, UnusableOnDisk, PairOnDisk>;

struct WaitUntil {
  Time when;
};
struct Enroll {};        // with the configured credential
struct Renew {};         // with the current key
struct Rekey {};         // with a new one
struct RenewExpired {};  // too late for TLS client authentication: with a token
struct Adopt {           // delivered, but a proxy has not taken it up yet
  Obligation owed;
};
struct GiveUp {  // until the configuration or the files change
  std::string reason;
};
using Step = std::variant<WaitUntil, Enroll, Renew, Rekey, RenewExpired, Adopt, GiveUp>;

struct Plan {
  Step step;
  std::string why;
};

// What is to be done next for `certificate`, and why. Reads nothing but its arguments: the same inputs give the same
// answer in the daemon, on the command line and in a test.
Plan next_step(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts,
               const std::vector<Obligation>& owed, Time now);

// When the daemon renews: in the sixth of the lifetime that ends at two thirds of it, or at `survive` (at most half of
// the lifetime) before the end where that is earlier; the point in it is taken from the fingerprint, so that a fleet
// spreads.
Time renewal_time(const PairOnDisk& pair, std::optional<std::chrono::seconds> survive);

// When to try again after `failures` failures in a row, the last at `failed`: after about 30 s, 2 min, 8 min, then
// after about a quarter of the time that is left, never less than a thousandth of the lifetime (or 5 minutes, for long
// ones). With little time left, the first three are shortened to that quarter as well. Past expiry every 5 minutes at
// most.
Time retry_time(const Validity& validity, const Fingerprint& spread, unsigned failures, Time failed);

// The same for a proxy that did not reload, and for certificates that are not there yet: 30 s, 2 min, 8 min, then every
// 30 min, each spread by a quarter.
Time retry_time_without_deadline(const Fingerprint& spread, unsigned failures, Time failed);

}  // namespace everleaf
