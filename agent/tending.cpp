// SPDX-License-Identifier: Apache-2.0
#include "agent/tending.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/lifecycle/situation.hpp>
#include <everleaf/lifecycle/trust.hpp>
#include <everleaf/lifecycle/withhold.hpp>
#include "agent/asking.hpp"

namespace everleaf::agent {
namespace {

constexpr std::chrono::hours longest_wait{1};        // files are looked at this often even if nothing is due
constexpr std::chrono::seconds time_for_listing{4};  // of the CA's roots
constexpr std::chrono::seconds until_seen{10};

// One certificate, for the length of one pass.
class Tending {
 public:
  Tending(const Configuration& configuration, const ManagedCertificate& certificate, AtTheCa& at_the_ca,
          std::stop_token stop)
      : configuration_(configuration),
        certificate_(certificate),
        at_the_ca_(at_the_ca),
        stop_(std::move(stop)),
        state_(state_of(configuration)),
        place_(configuration, certificate) {}

  CertificateResult run();
  // Does now what is planned for later.
  CertificateResult run_at_once();

 private:
  void say(Priority priority, std::string event, std::vector<Field> fields = {});
  void read_attempts();
  std::vector<Obligation> owed();
  std::optional<Withheld> withheld();
  void look_and_act();
  bool deal_with_held(const Identity& pending, const Withheld& held);
  void offer(const Identity& staged, const std::optional<Identity>& present);
  void withhold(const Identity& pending, const std::string& reason, Time deadline);
  void hold(const Withheld& withheld, Time until);
  void carry_out(const Plan& plan);
  void wait(Time when);
  bool heed_others(const PairOnDisk& pair);
  std::string complaint(Time when) const;
  void read_trust();
  bool is_listing_due() const;
  bool heed_roots();
  void tell_of(const Listing& listing);
  void update_trust(const std::string& why);
  void note_lifetime(std::chrono::seconds lifetime);
  AuthorityState authority();
  void obtain(const Step& step, const std::string& why);
  void note_failure(const Error& error);
  void note_failure_ahead(const Error& error, Time now);

  const Configuration& configuration_;
  const ManagedCertificate& certificate_;
  AtTheCa& at_the_ca_;
  std::stop_token stop_;
  StateDirectory state_;
  Place place_;
  Attempts attempts_;
  OnDisk on_disk_;
  Trust trust_;
  bool has_listed_ = false;
  bool authority_is_damaged_ = false;
  bool at_once_ = false;           // for that somebody asked
  std::optional<Time> planned_{};  // when it was due, had nobody asked
  CertificateResult result_;
};

void Tending::say(Priority priority, std::string event, std::vector<Field> fields) {
  fields.insert(fields.begin(), {"certificate", certificate_.name});
  result_.events.push_back({priority, std::move(event), std::move(fields)});
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
        if (obligation.certificate == certificate_.name) result.push_back(obligation);
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
  result_.on_disk = on_disk_;
  result_.attempts = attempts_;
  return std::move(result_);
}

CertificateResult Tending::run_at_once() {
  at_once_ = true;
  return run();
}

// What an earlier run staged and was stopped before it swapped it in. If a proxy owes a third certificate, then that
// was live, the other one is what was live before it, and somebody has changed the live one since: nothing of ours.
bool is_ours(const Fingerprint& staged, const PairOnDisk* live, const std::vector<Obligation>& debts) {
  return std::all_of(debts.begin(), debts.end(), [&](const Obligation& debt) {
    return debt.leaf == staged || (live != nullptr && debt.leaf == live->leaf);
  });
}

// What the operator configured since is taken at once, not only with the next renewal.
void Tending::read_trust() {
  try {
    trust_ = stored_trust(state_);
    if (!trust_.damage.empty())
      say(Priority::warning, "state-damaged", {{"error", trust_.damage}, {"done", "asks the CA for its roots"}});
    if (trust_.roots.empty() || is_settled(configuration_.authority, trust_)) return;
    const auto before = trust_.roots;
    const auto visit = at_the_ca_.enter(stop_);
    trust_ = trusted_roots(configuration_.authority, state_, system_now(), stop_);
    result_.trust_changed = trust_.roots != before;
  } catch (const Error& error) {  // a renewal cannot do without, and will fail
    if (error.kind() == ErrorKind::cancelled) throw;
    say(Priority::warning, "roots-unknown", {{"error", error.what()}, {"hint", error.hint()}});
  }
}

void Tending::look_and_act() {
  state_.create();  // somebody may have removed it under us
  place_.recover();
  read_trust();
  on_disk_ = everleaf::look_at(place_, trust_);
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
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
  auto plan = next_step(certificate_, on_disk_, attempts_, debts, system_now());
  // Adopting is the business of the proxy's own queue; the certificate only waits.
  if (std::holds_alternative<Adopt>(plan.step)) plan = next_step(certificate_, on_disk_, attempts_, {}, system_now());
  if (const auto* waiting = std::get_if<WaitUntil>(&plan.step); at_once_ && waiting != nullptr) {
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
  if (const auto* holding = std::get_if<Hold>(&step); holding != nullptr && !at_once_)
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
  obtain(plan.step, plan.why);
}

// Whether somebody else has put another pair there since the proxies were told of one.
bool Tending::heed_others(const PairOnDisk& pair) {
  if (certificate_.used_by.empty() || (attempts_.told && attempts_.told->leaf == pair.leaf)) return false;
  if (!attempts_.told) {  // they have what was there before us
    attempts_.told = {pair.leaf, pair.validity.not_after};
    state_.store(certificate_.name, attempts_);
    return false;
  }
  result_.staged = Staged{pair.leaf, pair.leaf, true};
  say(Priority::info, "changed-by-others",
      {{"fingerprint", pair.leaf.hex()}, {"not_after", format_time(pair.validity.not_after)}});
  return true;
}

void Tending::wait(Time when) {
  if (attempts_.failures == 0 && state_.pending_key(certificate_.name))  // a run was killed after its delivery
    state_.remove_pending_key(certificate_.name);
  result_.look_again = std::min<Time>(when, system_now() + longest_wait);
  result_.renewal = when;
  result_.last_error = complaint(when);
  result_.failed = !result_.last_error.empty();
}

// What is not as it should be, though there is nothing to do until then.
std::string Tending::complaint(Time when) const {
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  if (pair == nullptr) return attempts_.last_error;
  if (!pair->missing_names.empty() && !certificate_.enroll)
    return "it lacks " + pair->missing_names + ", and there is no \"enroll\" to get another one";
  if (attempts_.failures > 0 && when != renewal_time(*pair, certificate_.survive)) return attempts_.last_error;
  if (pair->validity.not_before > system_now() + clock_skew_allowance)
    return "it is valid only from " + format_time(pair->validity.not_before) + ": the clock here may be wrong";
  if (certificate_.survive > pair->validity.lifetime() / 2)
    return "\"survive\" is over half of its lifetime of " + format_duration(pair->validity.lifetime()) +
           ": it is renewed after that half";
  return {};
}

bool Tending::is_listing_due() const {
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  std::chrono::seconds interval = std::chrono::hours(1);
  if (configuration_.authority.roots == RootsRule::follow) {
    if (pair != nullptr) interval = std::min(interval, pair->validity.lifetime() / 10);
    if (attempts_.failures > 0 && attempts_.last_kind == ErrorKind::wrong_certificate) return true;
  }
  const auto& asked = trust_.state.asked;
  const Time now = system_now();
  return !asked || *asked > now || now - *asked >= interval;
}

// Whether the trusted roots are others now. Without an answer all stays as it is; what is wrong with the CA is seen
// next.
bool Tending::heed_roots() {
  if (std::exchange(has_listed_, true) || !is_listing_due()) return false;
  try {
    const auto url = in_turn(configuration_.authority, authority(), system_now()).front();
    const auto listed = StepCa(url, trust_.roots, stop_, time_for_listing).roots();
    const auto listing = heed(trust_, listed, configuration_.authority.roots, system_now());
    const bool changed = !listing.taken.empty() || !listing.dropped.empty();
    if (changed) state_.store_roots(trust_.roots);
    state_.store(trust_.state);
    tell_of(listing);
    result_.trust_changed |= changed;
    return changed;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    if (error.kind() == ErrorKind::answer) say(Priority::warning, "roots-refused", {{"error", error.what()}});
    if (error.kind() == ErrorKind::storage) say(Priority::warning, "state-not-written", {{"error", error.what()}});
    return false;
  }
}

void Tending::tell_of(const Listing& listing) {
  const auto tell = [this](const char* event, const std::vector<Certificate>& roots, const std::string& hint) {
    for (const auto& root : roots)
      say(Priority::warning, event,
          {{"root", escape(root.common_name())},
           {"fingerprint", root.fingerprint().hex()},
           {"not_after", format_time(root.validity().not_after)},
           {"taken", std::to_string(trust_.state.taken)},
           {"hint", hint}});
  };
  tell("root-taken", listing.taken, "");
  tell("root-dropped", listing.dropped, "");
  tell("root-offered", listing.offered, "add its fingerprint to [ca] if that is what whoever runs the CA says, too");
  if (listing.is_foreign)
    say(Priority::warning, "roots-refused", {{"error", "the CA lists none of the roots by which we know it"}});
}

void Tending::note_lifetime(std::chrono::seconds lifetime) {
  if (lifetime <= trust_.state.longest) return;
  trust_.state.longest = lifetime;
  state_.store(trust_.state);
}

void Tending::update_trust(const std::string& why) {
  place_.prepare();
  const auto present = place_.live();
  place_.stage({*present, trust_.roots});
  const auto leaf = present->leaf().fingerprint();
  result_.staged = Staged{leaf, leaf};
  say(Priority::info, "trust-updated", {{"roots", std::to_string(trust_.roots.size())}, {"why", why}});
}

void Tending::obtain(const Step& step, const std::string& why) {
  place_.prepare();
  const auto present = place_.live();
  auto visit = at_the_ca_.enter(stop_);
  trust_ = trusted_roots(configuration_.authority, state_, system_now(), stop_);
  if (heed_roots()) {  // new roots go out before any leaf under them
    on_disk_ = everleaf::look_at(place_, trust_);
    if (present) {
      visit.reset();
      return carry_out(next_step(certificate_, on_disk_, attempts_, {}, system_now()));
    }
  }
  Asking asking(configuration_, certificate_, state_, trust_.roots, result_.events, attempts_.ca_ahead, stop_);
  const auto identity = asking.ask_in_turn(step, present);
  visit.reset();  // while we write, another one may ask
  place_.stage({identity, trust_.roots});
  const bool same_key = present && present->key == identity.key;
  const Time now = system_now();
  attempts_ = {.last_success = now,
               .told = attempts_.told,
               .key_since = same_key ? attempts_.key_since : now,
               .ca_ahead = attempts_.ca_ahead};
  state_.store(certificate_.name, attempts_);
  note_lifetime(identity.leaf().validity().lifetime());
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
  if (planned_) return note_failure_ahead(error, now);
  everleaf::note_failure(attempts_, error, now);
  const auto plan = next_step(certificate_, on_disk_, attempts_, {}, now);
  const auto* waiting = std::get_if<WaitUntil>(&plan.step);
  result_.look_again = waiting != nullptr ? std::min<Time>(waiting->when, now + longest_wait) : now + after_giving_up;
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  say(pair != nullptr && pair->validity.not_after > now ? Priority::warning : Priority::error, "failed",
      {{"error", error.what()},
       {"hint", error.hint()},
       {"failures", std::to_string(attempts_.failures)},
       {"not_after", pair == nullptr ? "" : format_time(pair->validity.not_after)},
       {"next", format_time(result_.look_again)}});
  try {
    state_.store(certificate_.name, attempts_);
    if (auto ca = authority(); is_failure_of_ca(error.kind()) && !std::exchange(ca.is_away, true)) state_.store(ca);
  } catch (const Error& storage) {  // a full disk: the memory of this failure lasts as long as we do
    say(Priority::warning, "state-not-written", {{"error", storage.what()}});
  }
}

}  // namespace

StateDirectory state_of(const Configuration& configuration) { return StateDirectory(configuration.state / "state"); }

CertificateResult tend(const Configuration& configuration, const ManagedCertificate& certificate, AtTheCa& at_the_ca,
                       std::stop_token stop) {
  return Tending(configuration, certificate, at_the_ca, std::move(stop)).run();
}

CertificateResult tend_at_once(const Configuration& configuration, const ManagedCertificate& certificate,
                               AtTheCa& at_the_ca, std::stop_token stop) {
  return Tending(configuration, certificate, at_the_ca, std::move(stop)).run_at_once();
}

}  // namespace everleaf::agent
