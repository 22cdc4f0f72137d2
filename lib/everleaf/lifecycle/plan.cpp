// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/plan.hpp>

#include <algorithm>

namespace everleaf {
namespace {

using std::chrono::seconds;

constexpr seconds look_again{300};  // at what only a person can mend

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

bool was_refused(const Attempts& attempts) {
  return attempts.failures > 0 &&
         (attempts.last_kind == ErrorKind::unauthorized || attempts.last_kind == ErrorKind::refused);
}

Time later(Time time, const std::optional<Time>& other) { return other ? std::max(time, *other) : time; }

Plan plan_enrollment(const ManagedCertificate& certificate, const Attempts& attempts, const std::string& why,
                     Time now) {
  if (!certificate.enroll)
    return {GiveUp{"there is no certificate, and no \"enroll\" to get the first one"}, "nothing on disk"};
  if (!has_failed(attempts, now)) return {Enroll{}, why};
  const auto spread = Fingerprint::of(certificate.name);
  const auto when =
      later(retry_time_without_deadline(spread, attempts.failures, *attempts.last_failure), attempts.not_before);
  if (when > now) return {WaitUntil{when}, "enrollment failed: " + attempts.last_error};
  return {Enroll{}, why + "; the last try failed: " + attempts.last_error};
}

Step renewal_step(const ManagedCertificate& certificate, const PairOnDisk& pair, const Attempts& attempts, Time now) {
  if (now >= pair.validity.not_after) {
    if (was_refused(attempts) && certificate.enroll) return Enroll{};
    return RenewExpired{};
  }
  if (attempts.last_kind == ErrorKind::unauthorized && was_refused(attempts) && certificate.enroll) return Enroll{};
  if (wants_new_key(certificate, attempts, now)) return Rekey{};
  return Renew{};
}

Time after_failure(const PairOnDisk& pair, const Attempts& attempts) {
  const Time again = retry_time(pair.validity, pair.leaf, attempts.failures, *attempts.last_failure);
  // The CA may ask for patience, but not beyond the last useful moment.
  const Time last_useful = pair.validity.not_after - pair.validity.lifetime() / 20;
  return std::max(again, std::min(attempts.not_before.value_or(again), last_useful));
}

// Where clocks differ, or the CA backdates by much, a certificate can be due as soon as it is there. A quarter of what
// is left of it has to pass before the next one, so that this does not become a storm.
Time after_success(const PairOnDisk& pair, Time success) {
  return success + std::max((pair.validity.not_after - success) / 4, seconds(1));
}

Plan plan_renewal(const ManagedCertificate& certificate, const PairOnDisk& pair, const Attempts& attempts, Time now) {
  const Time due = renewal_time(pair, certificate.survive);
  if (has_failed(attempts, now)) {
    const Time again = std::max(due, after_failure(pair, attempts));
    if (again > now) return {WaitUntil{again}, "the last try failed: " + attempts.last_error};
    return {renewal_step(certificate, pair, attempts, now), "due; the last try failed: " + attempts.last_error};
  }
  const bool succeeded = attempts.last_success && *attempts.last_success <= now;
  const Time when = succeeded ? std::max(due, after_success(pair, *attempts.last_success)) : due;
  if (when > now) return {WaitUntil{when}, "its renewal is not due"};
  return {renewal_step(certificate, pair, attempts, now), "due since " + format_time(when)};
}

Plan plan_of(const ManagedCertificate& certificate, const PairOnDisk* pair, const Attempts& attempts, Time now) {
  if (pair == nullptr) return plan_enrollment(certificate, attempts, "there is no certificate yet", now);
  // Other names need a new certificate; but what there is has to be kept alive until the CA gives one.
  if (!pair->missing_names.empty() && certificate.enroll && now < renewal_time(*pair, certificate.survive))
    return plan_enrollment(certificate, attempts, "it lacks " + pair->missing_names, now);
  return plan_renewal(certificate, *pair, attempts, now);
}

}  // namespace

Time renewal_time(const PairOnDisk& pair, std::optional<seconds> survive) {
  const auto& validity = pair.validity;
  const auto lifetime = validity.lifetime();
  Time last = validity.not_before + scaled(lifetime, 2.0 / 3);
  if (survive) last = std::min(last, validity.not_after - std::min(*survive, lifetime / 2));
  return last - scaled(lifetime, pair.leaf.fraction() / 6);
}

Time retry_time(const Validity& validity, const Fingerprint& spread, unsigned failures, Time failed) {
  const auto early = early_delay(failures);
  const auto factor = spread_factor(spread, failures);
  const auto left = validity.not_after - failed;
  if (left <= seconds(0)) return failed + std::min(scaled(early.value_or(look_again), factor), look_again);
  const auto least = std::clamp(scaled(validity.lifetime(), 0.001), seconds(1), look_again);
  const auto quarter = std::max(scaled(left / 4, factor), least);
  return failed + (early ? std::min(scaled(*early, factor), quarter) : quarter);
}

Time retry_time_without_deadline(const Fingerprint& spread, unsigned failures, Time failed) {
  return failed + scaled(early_delay(failures).value_or(seconds(1800)), spread_factor(spread, failures));
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

}  // namespace everleaf
