// SPDX-License-Identifier: Apache-2.0
#include "agent/tending.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/lifecycle/situation.hpp>
#include <everleaf/lifecycle/withhold.hpp>
#include "agent/asking.hpp"
#include "agent/trusting.hpp"

namespace everleaf::agent {
namespace {

constexpr std::chrono::hours longest_wait{1};  // files are looked at this often even if nothing is due
constexpr std::chrono::seconds until_seen{10};

// One certificate, for the length of one pass.
class Tending {
 public:
  Tending(const Configuration& configuration, const ManagedCertificate& certificate, AtTheCa& at_the_ca, Haste haste,
          std::stop_token stop)
      : configuration_(configuration),
        certificate_(certificate),
        at_the_ca_(at_the_ca),
        haste_(haste),
        stop_(std::move(stop)),
        state_(state_of(configuration)),
        place_(configuration, certificate),
        trusting_(configuration, certificate, state_, result_.events, stop_) {}

  CertificateResult run();

 private:
  void say(Priority priority, std::string event, std::vector<Field> fields = {});
  void read_attempts();
  bool is_forgiving() const { return haste_ == Haste::failed || haste_ == Haste::damaged; }
  bool is_asked_for() const { return haste_ == Haste::planned; }
  void forgive();
  std::vector<Obligation> owed();
  std::optional<Withheld> withheld();
  void look_and_act();
  bool deal_with_held(const Identity& pending, const Withheld& held);
  void offer(const Identity& staged, const std::optional<Identity>& present);
  void withhold(const Identity& pending, const std::string& reason, Time deadline);
  void hold(const Withheld& withheld, Time until);
  void carry_out(const Plan& plan);
  void wait(Time when);
  bool is_of_others(const PairOnDisk& pair);
  bool heed_others(const PairOnDisk& pair);
  std::string complaint() const;
  Fingerprint stage_again();
  void update_trust(const std::string& why);
  bool put_right(const std::string& damage);
  void repair(const std::string& damage);
  AuthorityState authority();
  void obtain(const Step& step, const std::string& why);
  void note_failure(const Error& error);
  void note_failure_ahead(const Error& error, Time now);

  const Configuration& configuration_;
  const ManagedCertificate& certificate_;
  AtTheCa& at_the_ca_;
  Haste haste_;
  std::stop_token stop_;
  StateDirectory state_;
  Place place_;
  Attempts attempts_;
  OnDisk on_disk_;
  CertificateResult result_;
  Trusting trusting_;  // says what it does in result_
  bool authority_is_damaged_ = false;
  std::optional<Time> planned_{};  // when it was due, had nobody asked
  std::string irreparable_;
};

void Tending::say(Priority priority, std::string event, std::vector<Field> fields) {
  result_.events.push_back(event_of(certificate_.name, priority, std::move(event), std::move(fields)));
}

void Tending::read_attempts() {
  try {
    attempts_ = state_.attempts(certificate_.name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    say(Priority::warning, "state-damaged",
        {{"error", error.what()}, {"done", "went on without the memory of failures"}});
  }
  attempts_.ca_back = authority().back;
  if (is_forgiving()) forgive();
}

// For good: this pass may have something else to do first.
void Tending::forgive() {
  const auto before = attempts_;
  if (haste_ == Haste::damaged) attempts_.repaired.reset();
  if (!(attempts_.not_before > system_now())) attempts_.last_failure.reset();
  if (attempts_ == before) return;
  try {
    state_.store(certificate_.name, attempts_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::storage) throw;
    say(Priority::warning, "state-not-written", {{"error", error.what()}});
  }
}

AuthorityState Tending::authority() {
  try {
    return state_.authority();
  } catch (const Error& error) {  // the next answer of a CA writes it anew
    if (error.kind() != ErrorKind::malformed) throw;
    if (!std::exchange(authority_is_damaged_, true))
      say(Priority::warning, "state-damaged", {{"error", error.what()}, {"done", "asks the first place of the CA"}});
    return {};
  }
}

std::vector<Obligation> Tending::owed() {
  std::vector<Obligation> result;
  for (const auto& proxy : certificate_.used_by) try {
      for (const auto& obligation : state_.proxy(proxy).owed)
        if (obligation.certificate == certificate_.name) {
          result.push_back(obligation);
          result_.owed_by.push_back(proxy);
        }
    } catch (const Error& error) {  // the proxy's own pass reports and mends it
      if (error.kind() != ErrorKind::malformed) throw;
    }
  return result;
}

CertificateResult Tending::run() {
  try {
    read_attempts();
    look_and_act();
  } catch (const Error& error) {
    note_failure(error);
  } catch (const std::exception& error) {
    note_failure(Error(ErrorKind::storage, escape(error.what(), 400)));
  }
  if (const auto* pair = std::get_if<PairOnDisk>(&on_disk_)) result_.expires = pair->validity.not_after;
  result_.trust_changed = trusting_.has_changed();
  result_.on_disk = on_disk_;
  result_.attempts = attempts_;
  return std::move(result_);
}

// What an earlier run staged and was stopped before it swapped it in. If a proxy owes a third certificate, then that
// was live, the other one is what was live before it, and somebody has changed the live one since: nothing of ours.
bool is_ours(const Fingerprint& staged, const PairOnDisk* live, const std::vector<Obligation>& debts) {
  return std::all_of(debts.begin(), debts.end(), [&](const Obligation& debt) {
    return debt.leaf == staged || (live != nullptr && debt.leaf == live->leaf);
  });
}

void Tending::look_and_act() {
  state_.create();  // somebody may have removed it under us
  place_.recover();
  trusting_.read(at_the_ca_, is_forgiving() ? std::chrono::minutes(1) : std::chrono::hours(1));
  on_disk_ = everleaf::look_at(place_, trusting_.trust());
  auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  const auto damage = pair != nullptr ? std::exchange(pair->damage, {}) : "";
  if (std::holds_alternative<UnusableOnDisk>(on_disk_))
    return carry_out(next_step(certificate_, on_disk_, attempts_, {}, system_now()));
  const auto debts = owed();
  const auto held = withheld();
  const bool is_live = held && pair != nullptr && pair->leaf == held->leaf;  // it is offered once more
  const auto pending = held && !is_live ? place_.next() : std::nullopt;
  if (pending && pending->leaf().fingerprint() == held->leaf) {
    if (deal_with_held(*pending, *held)) return;
  } else if (const auto staged = place_.staged(); staged && is_ours(staged->leaf().fingerprint(), pair, debts) &&
                                                  staged->leaf().validity().not_after > system_now()) {
    return offer(*staged, place_.live());
  } else if (held && debts.empty()) {
    state_.remove_withheld(certificate_.name);
  }
  if (debts.empty() && place_.has_leftovers()) place_.sweep_next();
  // While a proxy owes, what was live before is there to be taken back; but it cannot load half a pair. A renewal mends
  // it as well.
  if (pair != nullptr && (debts.empty() || pair->is_half) && !is_asked_for()) pair->damage = damage;
  auto plan = next_step(certificate_, on_disk_, attempts_, debts, system_now());
  // Adopting is the business of the proxy's own queue; the certificate only waits.
  if (std::holds_alternative<Adopt>(plan.step)) plan = next_step(certificate_, on_disk_, attempts_, {}, system_now());
  if (const auto* waiting = std::get_if<WaitUntil>(&plan.step); is_asked_for() && waiting != nullptr) {
    planned_ = waiting->when;
    plan = {look_ahead(certificate_, on_disk_, attempts_, system_now()).then.step, "somebody asked for it"};
  }
  carry_out(plan);
}

std::optional<Withheld> Tending::withheld() {
  try {
    return state_.withheld(certificate_.name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    say(Priority::warning, "state-damaged", {{"error", error.what()}, {"done", "offers once more what was held back"}});
    return std::nullopt;
  }
}

// False if it is not good any more, and was discarded.
bool Tending::deal_with_held(const Identity& pending, const Withheld& held) {
  const PairOnDisk pair{pending.leaf().validity(), held.leaf};
  const auto step = next_step(held, pair, std::get_if<PairOnDisk>(&on_disk_), certificate_.survive, system_now());
  if (std::holds_alternative<Discard>(step)) {
    place_.discard_next();
    state_.remove_withheld(certificate_.name);
    return false;
  }
  if (const auto* holding = std::get_if<Hold>(&step); holding != nullptr && haste_ == Haste::none)
    hold(held, holding->until);
  else
    offer(pending, place_.live());
  return true;
}

void Tending::offer(const Identity& staged, const std::optional<Identity>& present) {
  if (present)
    if (const auto reason = refused_upstream(configuration_, certificate_, staged, *present, stop_))
      return withhold(staged, *reason, present->leaf().validity().not_after);
  result_.staged =
      Staged{staged.leaf().fingerprint(), present ? std::optional(present->leaf().fingerprint()) : std::nullopt};
}

void Tending::withhold(const Identity& pending, const std::string& reason, Time deadline) {
  const auto leaf = pending.leaf().fingerprint();
  const auto before = withheld();
  const unsigned refusals = before && before->leaf == leaf ? before->refusals : 0;
  const Withheld now{leaf, reason, refusals + 1, system_now()};
  state_.store(certificate_.name, now);
  hold(now, std::min(retry_time_without_deadline(leaf, now.refusals, now.last_refusal), deadline));
  say(Priority::error, "withheld",
      {{"serial", pending.leaf().serial_hex()},
       {"error", reason},
       {"deadline", format_time(deadline)},
       {"next", format_time(result_.look_again)}});
}

void Tending::hold(const Withheld& withheld, Time until) {
  result_.failed = true;
  result_.last_error = "a new one is held back until " + format_time(until) + ": " + withheld.reason;
  result_.next_try = until;
  result_.look_again = std::min<Time>(until, system_now() + longest_wait);
}

void Tending::carry_out(const Plan& plan) {
  if (const auto* waiting = std::get_if<WaitUntil>(&plan.step)) {
    if (const auto* pair = std::get_if<PairOnDisk>(&on_disk_); pair == nullptr || !heed_others(*pair))
      wait(waiting->when);
    return;
  }
  if (const auto* given_up = std::get_if<GiveUp>(&plan.step)) {
    result_.failed = true;
    result_.last_error = given_up->reason;
    result_.look_again = system_now() + after_giving_up;
    return say(Priority::error, "needs-attention", {{"reason", given_up->reason}});
  }
  if (std::holds_alternative<UpdateTrust>(plan.step)) return update_trust(plan.why);
  if (std::holds_alternative<Repair>(plan.step)) return repair(plan.why);
  obtain(plan.step, plan.why);
}

// Whether somebody else has put another pair there since the proxies were told of one.
bool Tending::is_of_others(const PairOnDisk& pair) {
  if (certificate_.used_by.empty() || !attempts_.told || attempts_.told->leaf == pair.leaf) return false;
  say(Priority::info, "changed-by-others",
      {{"fingerprint", pair.leaf.hex()}, {"not_after", format_time(pair.validity.not_after)}});
  return true;
}

bool Tending::heed_others(const PairOnDisk& pair) {
  if (!certificate_.used_by.empty() && !attempts_.told) {  // they have what was there before us
    attempts_.told = {pair.leaf, pair.validity.not_after};
    state_.store(certificate_.name, attempts_);
  }
  if (!is_of_others(pair)) return false;
  result_.staged = Staged{pair.leaf, pair.leaf, true};
  return true;
}

void Tending::wait(Time when) {
  if (attempts_.failures == 0 && state_.pending_key(certificate_.name))  // a run was killed after its delivery
    state_.remove_pending_key(certificate_.name);
  result_.look_again = std::min<Time>(when, system_now() + longest_wait);
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  const Time due = pair != nullptr ? renewal_time(*pair, certificate_.survive) : when;
  const bool is_retry = waits_for_retry(certificate_, on_disk_, attempts_, when);
  result_.renewal = is_retry ? due : when;
  result_.next_try = when;
  result_.last_error = is_retry ? attempts_.last_error : complaint();
  if (is_retry) result_.last_hint = attempts_.last_hint;
  result_.failed = !result_.last_error.empty();
}

// What is not as it should be, though there is nothing to do until then.
std::string Tending::complaint() const {
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  if (pair == nullptr) return {};
  if (!pair->missing_names.empty() && !certificate_.enroll)
    return "it lacks " + pair->missing_names + ", and there is no \"enroll\" to get another one";
  if (!irreparable_.empty()) return irreparable_;
  if (!pair->damage.empty())
    return pair->damage + ", again within an hour: something changes it (SIGHUP puts it right at once)";
  if (pair->validity.not_before > system_now() + clock_skew_allowance)
    return "it is valid only from " + format_time(pair->validity.not_before) + ": the clock here may be wrong";
  if (certificate_.survive > pair->validity.lifetime() / 2)
    return "\"survive\" is over half of its lifetime of " + format_duration(pair->validity.lifetime()) +
           ": it is renewed after that half";
  return {};
}

// The pair as it is; answers its leaf.
Fingerprint Tending::stage_again() {
  place_.prepare();
  const auto present = place_.live();
  place_.stage({*present, trusting_.trust().roots});
  return present->leaf().fingerprint();
}

void Tending::update_trust(const std::string& why) {
  const auto leaf = stage_again();
  result_.staged = Staged{leaf, leaf};
  say(Priority::info, "trust-updated", {{"roots", std::to_string(trusting_.trust().roots.size())}, {"why", why}});
}

// False if that cannot be: it is said, and holds up no renewal.
bool Tending::put_right(const std::string& damage) {
  std::get<PairOnDisk>(on_disk_).damage.clear();
  try {
    const auto leaf = stage_again();
    if (place_.damage_of_next().empty()) {
      attempts_.repaired = system_now();
      state_.store(certificate_.name, attempts_);  // without that memory it might be delivered for ever
      result_.staged = Staged{leaf, leaf};
      is_of_others(std::get<PairOnDisk>(on_disk_));  // who put a pair there did not make the rest of it
      say(Priority::warning, "damaged", {{"why", damage}});
      return true;
    }
    place_.discard_next();  // delivered once more it would be no better
    irreparable_ = damage + ", and its file system keeps no other";
  } catch (const Error& error) {
    irreparable_ = damage + "; " + error.what();
  }
  return false;
}

void Tending::repair(const std::string& damage) {
  if (!put_right(damage)) carry_out(next_step(certificate_, on_disk_, attempts_, {}, system_now()));
}

void Tending::obtain(const Step& step, const std::string& why) {
  place_.prepare();
  const auto present = place_.live();
  auto visit = at_the_ca_.enter(stop_);
  bool are_others = trusting_.settle();
  are_others |= trusting_.heed_list(on_disk_, attempts_);
  if (are_others) {  // new roots go out before any leaf under them
    on_disk_ = everleaf::look_at(place_, trusting_.trust());
    if (present) {
      visit.reset();
      return carry_out(next_step(certificate_, on_disk_, attempts_, {}, system_now()));
    }
  }
  Asking asking(configuration_, certificate_, state_, trusting_.trust().roots, result_.events, attempts_.ca_ahead,
                stop_);
  const auto identity = asking.ask_in_turn(step, present);
  visit.reset();  // while we write, another one may ask
  place_.stage({identity, trusting_.trust().roots});
  asking.note_answer();
  const bool same_key = present && present->key == identity.key;
  const Time now = system_now();
  attempts_ = {.last_success = now,
               .told = attempts_.told,
               .key_since = same_key ? attempts_.key_since : now,
               .ca_ahead = attempts_.ca_ahead};
  state_.store(certificate_.name, attempts_);
  trusting_.note_lifetime(identity.leaf().validity().lifetime());
  result_.issued = true;
  say(Priority::info, "obtained",
      {{"serial", identity.leaf().serial_hex()},
       {"not_after", format_time(identity.leaf().validity().not_after)},
       {"why", why}});
  offer(identity, present);
}

// What was not due has not failed: it goes on as planned, once who asked has seen why.
void Tending::note_failure_ahead(const Error& error, Time now) {
  result_.look_again = now + until_seen;
  result_.next_try = planned_;
  say(Priority::warning, "failed", {{"error", error.what()}, {"hint", error.hint()}, {"next", format_time(*planned_)}});
}

void Tending::note_failure(const Error& error) {
  const Time now = system_now();
  if (error.kind() == ErrorKind::cancelled) {
    result_.look_again = now;
    return;
  }
  result_.failed = true;
  result_.last_error = error.what();
  result_.last_hint = error.hint();
  if (planned_ && attempts_.failures == 0) return note_failure_ahead(error, now);
  const auto before = attempts_;
  everleaf::note_failure(attempts_, error, now);
  if (planned_ > now) {  // the next try stays where it was, however often somebody asks meanwhile
    attempts_.failures = before.failures;
    attempts_.last_failure = before.last_failure;
  }
  const auto meanwhile = next_step(certificate_, on_disk_, attempts_, {}, now);
  auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  if (pair != nullptr) pair->damage.clear();
  const auto plan = next_step(certificate_, on_disk_, attempts_, {}, now);
  const auto* waiting = std::get_if<WaitUntil>(&plan.step);
  result_.next_try = waiting != nullptr ? waiting->when : now + after_giving_up;
  result_.look_again = std::min<Time>(*result_.next_try, now + longest_wait);
  const bool has_time = pair != nullptr && now < pair->validity.not_after - pair->validity.lifetime() / 10;
  say(has_time ? Priority::warning : Priority::error, "failed",
      {{"error", error.what()},
       {"hint", error.hint()},
       {"failures", std::to_string(attempts_.failures)},
       {"not_after", pair == nullptr ? "" : format_time(pair->validity.not_after)},
       {"next", format_time(*result_.next_try)}});
  try {
    state_.store(certificate_.name, attempts_);
    if (auto ca = authority(); is_failure_of_ca(error.kind()) && !std::exchange(ca.is_away, true)) state_.store(ca);
  } catch (const Error& storage) {  // a full disk: the memory of this failure lasts as long as we do
    say(Priority::warning, "state-not-written", {{"error", storage.what()}});
  }
  if (std::holds_alternative<Repair>(meanwhile.step)) put_right(meanwhile.why);
}

}  // namespace

StateDirectory state_of(const Configuration& configuration) { return StateDirectory(configuration.state / "state"); }

CertificateResult tend(const Configuration& configuration, const ManagedCertificate& certificate, AtTheCa& at_the_ca,
                       Haste haste, std::stop_token stop) {
  return Tending(configuration, certificate, at_the_ca, haste, std::move(stop)).run();
}

}  // namespace everleaf::agent
