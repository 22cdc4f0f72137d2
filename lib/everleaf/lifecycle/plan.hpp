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
  std::string missing_names{};       // configured, but not in the certificate
  bool has_other_roots = false;      // the roots beside it are not those that are trusted now
  std::string damage{};              // how what lies there is not as it was delivered, though the pair is good
  std::optional<Time> trust_grew{};  // when a root was last added to those
  bool is_half = false;              // one of the two is gone, and was read from the combined file
};
using OnDisk = std::variant<NothingOnDisk, UnusableOnDisk, PairOnDisk>;

struct WaitUntil {
  Time when;
};
struct Enroll {};        // with the configured credential
struct Renew {};         // with the current key
struct Rekey {};         // with a new one
struct RenewExpired {};  // too late for TLS client authentication: with a token
// A refusal of any of these three is answered by Enroll where that is configured; see is_refusal().
struct UpdateTrust {};  // other roots go out, before any leaf under them
struct Repair {};       // nothing new is due: the same pair goes out once more, with all that belongs beside it
struct Adopt {          // delivered, but a proxy has not taken it up yet
  Obligation owed;
};
struct GiveUp {  // until the configuration or the files change
  std::string reason;
};
using Step = std::variant<WaitUntil, Enroll, Renew, Rekey, RenewExpired, Adopt, GiveUp, UpdateTrust, Repair>;

struct Plan {
  Step step;
  std::string why;
};

// What is to be done next for `certificate`, and why. Reads nothing but its arguments: the same inputs give the same
// answer in the daemon, on the command line and in a test.
Plan next_step(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts,
               const std::vector<Obligation>& owed, Time now);

// How long after a new root no leaf is asked for that may be under it, so that the root is everywhere first: a minute,
// or less for short lifetimes.
std::chrono::seconds time_to_spread_trust(const Validity& validity);
// What will be done and when, if nothing happens meanwhile: what next_step() says now, and once all waiting is over.
struct Prospect {
  Plan now;
  Time when;
  Plan then;  // never WaitUntil; that of now, if that is none
};
Prospect look_ahead(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts, Time now);

// The time in which the daemon renews a certificate, whatever its fingerprint.
struct RenewalWindow {
  Time begin;
  Time end;
};
RenewalWindow renewal_window(const Validity& validity, std::optional<std::chrono::seconds> survive);

// When the daemon renews: in the sixth of the lifetime that ends at two thirds of it, or at `survive` (at most half of
// the lifetime) before the end where that is earlier; the point in it is taken from the fingerprint, so that a fleet
// spreads.
Time renewal_time(const PairOnDisk& pair, std::optional<std::chrono::seconds> survive);

// Whether what is next, at `when`, is another try of what failed, and not the renewal that was due then anyway.
bool waits_for_retry(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts, Time when);

// Whether the CA looked at who asks and said no: to a certificate that is revoked, expired, or may not be renewed.
bool is_refusal(ErrorKind kind);

// When to try again after `failures` failures in a row, the last at `failed`: after about 30 s, then anywhere between
// an eighth and five eighths of the time that is left, so that a fleet that waited for its CA does not come all at
// once; never less than a thousandth of the lifetime (or 5 minutes, for long ones). With little time left, the first is
// shortened to a quarter of it. Past expiry after 30 s, 2 min, then every 5 minutes.
Time retry_time(const Validity& validity, const Fingerprint& spread, unsigned failures, Time failed);

// When to renew a pair that is due at `due`: later after a try that failed (retry_time(), or as the CA asked by
// Retry-After, but not past the last useful moment), and not again as soon as it was renewed.
Time next_renewal(const PairOnDisk& pair, Time due, const Attempts& attempts, Time now);

// Counts a failure. A CA is given the patience that it asks for, six hours at most.
void note_failure(Attempts& attempts, const Error& error, Time now);

// How soon all that failed are tried again once the CA is back for one on the same host.
inline constexpr std::chrono::seconds time_to_follow{60};

// The same for a proxy that did not reload, and for certificates that are not there yet: 30 s, 2 min, 8 min, then every
// 30 min, each spread by a quarter.
Time retry_time_without_deadline(const Fingerprint& spread, unsigned failures, Time failed);

// The same for a proxy, by its account, which has a failure; but before a quarter of the time until what it still has
// ends is over (30 s at least), and every 5 minutes past that.
Time retry_time_of_reload(const ProxyState& account);

// The same for what this host alone forbade (a full disk), which costs nobody anything: after 5 minutes, or a quarter
// of the time until `deadline` if that is less, at least a second. Past it, after 30 s.
Time local_retry_time(std::optional<Time> deadline, Time failed);

}  // namespace everleaf
