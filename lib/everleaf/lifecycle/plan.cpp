// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/plan.hpp>

#include <algorithm>

#include <everleaf/lifecycle/failover.hpp>

namespace everleaf {
namespace {

using std::chrono::seconds;

constexpr seconds look_again{300};              // at what only a person can mend
constexpr std::chrono::hours most_patience{6};  // with a CA that says Retry-After

seconds scaled(seconds duration, double factor) {
  return seconds(static_cast<seconds::rep>(static_cast<double>(duration.count()) * factor));
}

// 30 s, 2 min, 8 min; nothing afterwards.
std::optional<seconds> early_delay(unsigned failures) {
  if (failures > 3) return std::nullopt;
  return seconds(failures <= 1 ? 30 : failures == 2 ? 120 : 480);
}

// In [0.75, 1.25): another number for each failure.
double spread_factor(const Fingerprint& spread, unsigned failures) { return 0.75 + 0.5 * spread.fraction(failures); }

bool wants_new_key(const ManagedCertificate& certificate, const Attempts& attempts, Time now) {
  if (const auto* after = std::get_if<RekeyAfter>(&certificate.rekey))
    return !attempts.key_since || *attempts.key_since > now || now - *attempts.key_since >= after->age;
  return std::holds_alternative<RekeyAlways>(certificate.rekey);
}

// What happened later than now happened while the clock was wrong: nothing is to be learned from it.
bool has_failed(const Attempts& attempts, Time now) {
  return attempts.failures > 0 && attempts.last_failure && *attempts.last_failure <= now;
}

Time later(Time time, const std::optional<Time>& other) { return other ? std::max(time, *other) : time; }

// `again`, or sooner if the CA was away, and is back for another one on this host; at once for what serves nobody
// meanwhile.
Time following(const Attempts& attempts, const Fingerprint& spread, Time again, Time now, bool is_urgent = false) {
  const auto& back = attempts.ca_back;
  const bool is_back = back && *back <= now && *back > *attempts.last_failure;
  if (!is_back || !is_failure_of_ca(attempts.last_kind)) return again;
  if (is_urgent) return *back;
  return std::min(again, *back + scaled(time_to_follow, spread.fraction(attempts.failures)));
}

Plan plan_enrollment(const ManagedCertificate& certificate, const Attempts& attempts, const std::string& why,
                     Time now) {
  if (!certificate.enroll)
    return {GiveUp{"there is no certificate, and no \"enroll\" to get the first one"}, "nothing on disk"};
  if (!has_failed(attempts, now)) return {Enroll{}, why};
  const auto spread = Fingerprint::of(certificate.name);
  const Time again = retry_time_without_deadline(spread, attempts.failures, *attempts.last_failure);
  const auto when = later(following(attempts, spread, again, now), attempts.not_before);
  if (when > now) return {WaitUntil{when}, "enrollment failed: " + attempts.last_error};
  return {Enroll{}, why + "; the last try failed: " + attempts.last_error};
}

Step renewal_step(const ManagedCertificate& certificate, const PairOnDisk& pair, const Attempts& attempts, Time now) {
  if (now >= pair.validity.not_after) return RenewExpired{};
  if (wants_new_key(certificate, attempts, now)) return Rekey{};
  return Renew{};
}

Time after_failure(const PairOnDisk& pair, const Attempts& attempts, Time now) {
  const Time usual = retry_time(pair.validity, pair.leaf, attempts.failures, *attempts.last_failure);
  const Time again = following(attempts, pair.leaf, usual, now, now >= pair.validity.not_after);
  // The CA may ask for patience, but not beyond the last useful moment.
  const Time last_useful = pair.validity.not_after - pair.validity.lifetime() / 20;
  return std::max(again, std::min(attempts.not_before.value_or(again), last_useful));
}

// Where clocks differ, or the CA backdates by much, a certificate can be due as soon as it is there. A quarter of what
// is left of it has to pass before the next one, so that this does not become a storm.
Time after_success(const PairOnDisk& pair, Time success) {
  return success + std::max((pair.validity.not_after - success) / 4, seconds(1));
}

std::optional<Time> spreading_trust(const PairOnDisk& pair, Time now) {
  const auto& validity = pair.validity;
  if (!pair.trust_grew || *pair.trust_grew > now || now >= validity.not_after - validity.lifetime() / 10)
    return std::nullopt;
  const Time until = *pair.trust_grew + time_to_spread_trust(validity);
  return until > now ? std::optional(until) : std::nullopt;
}

Plan plan_renewal(const ManagedCertificate& certificate, const PairOnDisk& pair, const Attempts& attempts, Time now) {
  const Time when = next_renewal(pair, renewal_time(pair, certificate.survive), attempts, now);
  if (has_failed(attempts, now)) {
    if (when > now) return {WaitUntil{when}, "the last try failed: " + attempts.last_error};
    return {renewal_step(certificate, pair, attempts, now), "due; the last try failed: " + attempts.last_error};
  }
  if (when > now) return {WaitUntil{when}, "its renewal is not due"};
  if (const auto until = spreading_trust(pair, now))
    return {WaitUntil{*until}, "due, but a new root has to be everywhere before a leaf under it"};
  return {renewal_step(certificate, pair, attempts, now), "due since " + format_time(when)};
}

Plan plan_with_pair(const ManagedCertificate& certificate, const PairOnDisk& pair, const Attempts& attempts, Time now) {
  // Other names need a new certificate; but what there is has to be kept alive until the CA gives one.
  if (!pair.missing_names.empty() && certificate.enroll && now < renewal_time(pair, certificate.survive))
    return plan_enrollment(certificate, attempts, "it lacks " + pair.missing_names, now);
  return plan_renewal(certificate, pair, attempts, now);
}

// Whatever damages it again and again, and were it the reload: it is delivered once an hour at most.
bool was_repaired_just_now(const Attempts& attempts, Time now) {
  return attempts.repaired && *attempts.repaired <= now && now - *attempts.repaired < std::chrono::hours(1);
}

Plan plan_of(const ManagedCertificate& certificate, const PairOnDisk* pair, const Attempts& attempts, Time now) {
  if (pair == nullptr) return plan_enrollment(certificate, attempts, "there is no certificate yet", now);
  const bool is_expired = now >= pair->validity.not_after;  // then it is not delivered once more
  if (pair->has_other_roots && !is_expired) return {UpdateTrust{}, "other roots are trusted now"};
  auto plan = plan_with_pair(certificate, *pair, attempts, now);
  if (!pair->damage.empty() && !is_expired && std::holds_alternative<WaitUntil>(plan.step) &&
      !was_repaired_just_now(attempts, now))
    return {Repair{}, pair->damage};
  return plan;
}

}  // namespace

seconds time_to_spread_trust(const Validity& validity) { return std::min(seconds(60), validity.lifetime() / 20); }

bool is_refusal(ErrorKind kind) { return kind == ErrorKind::unauthorized || kind == ErrorKind::forbidden; }

RenewalWindow renewal_window(const Validity& validity, std::optional<seconds> survive) {
  const auto lifetime = validity.lifetime();
  Time last = validity.not_before + scaled(lifetime, 2.0 / 3);
  if (survive) last = std::min(last, validity.not_after - std::min(*survive, lifetime / 2));
  return {last - lifetime / 6, last};
}

Time renewal_time(const PairOnDisk& pair, std::optional<seconds> survive) {
  return renewal_window(pair.validity, survive).end - scaled(pair.validity.lifetime(), pair.leaf.fraction() / 6);
}

Time retry_time(const Validity& validity, const Fingerprint& spread, unsigned failures, Time failed) {
  const auto early = early_delay(failures);
  const auto factor = spread_factor(spread, failures);
  const auto left = validity.not_after - failed;
  if (left <= seconds(0)) return failed + std::min(scaled(early.value_or(look_again), factor), look_again);
  const auto least = std::clamp(scaled(validity.lifetime(), 0.001), seconds(1), look_again);
  if (failures <= 1) return failed + std::min(scaled(*early, factor), std::max(scaled(left / 4, factor), least));
  return failed + std::max(scaled(left, 0.125 + 0.5 * spread.fraction(failures)), least);
}

Time next_renewal(const PairOnDisk& pair, Time due, const Attempts& attempts, Time now) {
  if (has_failed(attempts, now)) return std::max(due, after_failure(pair, attempts, now));
  const bool succeeded = attempts.last_success && *attempts.last_success <= now;
  return succeeded ? std::max(due, after_success(pair, *attempts.last_success)) : due;
}

void note_failure(Attempts& attempts, const Error& error, Time now) {
  ++attempts.failures;
  attempts.last_failure = now;
  attempts.last_kind = error.kind();
  attempts.last_error = error.what();
  attempts.last_hint = error.hint();
  attempts.not_before.reset();
  if (const auto delay = error.retry_after()) attempts.not_before = now + std::min<seconds>(*delay, most_patience);
}

Time retry_time_without_deadline(const Fingerprint& spread, unsigned failures, Time failed) {
  return failed + scaled(early_delay(failures).value_or(seconds(1800)), spread_factor(spread, failures));
}

Time retry_time_of_reload(const ProxyState& account) {
  const Time failed = *account.last_failure;
  const Time usual = retry_time_without_deadline(account.owed.front().leaf, account.failures, failed);
  const auto deadline = earliest_deadline(account.owed);
  if (!deadline) return usual;
  const auto left = *deadline - failed;
  return std::min<Time>(usual, failed + (left > seconds(0) ? std::max<seconds>(left / 4, seconds(30)) : look_again));
}

Time local_retry_time(std::optional<Time> deadline, Time failed) {
  if (!deadline) return failed + look_again;
  if (*deadline <= failed) return failed + seconds(30);
  return failed + std::clamp<Time::duration>((*deadline - failed) / 4, seconds(1), look_again);
}

Plan next_step(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts,
               const std::vector<Obligation>& owed, Time now) {
  if (const auto* unusable = std::get_if<UnusableOnDisk>(&on_disk))
    return {GiveUp{unusable->reason}, "looked at the files"};
  const auto* pair = std::get_if<PairOnDisk>(&on_disk);
  auto plan = plan_of(certificate, pair, attempts, now);
  if (std::holds_alternative<WaitUntil>(plan.step) && !owed.empty())
    return {Adopt{owed.front()}, "a proxy has not taken it up yet"};
  return plan;
}

// Twice at most: a wait for another enrollment may end when the renewal of what there is has to wait as well.
Prospect look_ahead(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts, Time now) {
  Prospect prospect{next_step(certificate, on_disk, attempts, {}, now), now, {}};
  prospect.then = prospect.now;
  while (const auto* waiting = std::get_if<WaitUntil>(&prospect.then.step)) {
    prospect.when = waiting->when;
    prospect.then = next_step(certificate, on_disk, attempts, {}, prospect.when);
  }
  return prospect;
}

bool waits_for_retry(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts,
                     Time when) {
  const auto* pair = std::get_if<PairOnDisk>(&on_disk);
  return attempts.failures > 0 && (pair == nullptr || when != renewal_time(*pair, certificate.survive));
}

}  // namespace everleaf
