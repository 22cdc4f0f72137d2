// SPDX-License-Identifier: Apache-2.0
#include "agent/file_passes.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/lock.hpp>
#include <everleaf/lifecycle/adopt.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include <everleaf/lifecycle/plan.hpp>

namespace everleaf::agent {
namespace {

constexpr std::chrono::hours longest_wait{1};  // files are looked at this often even if nothing is due
constexpr std::chrono::minutes after_giving_up{5};
constexpr std::chrono::hours most_patience{6};  // with a CA that says Retry-After

StateDirectory state_of(const Configuration& configuration) { return StateDirectory(configuration.state / "state"); }

// One certificate, for the length of one pass.
class Tending {
 public:
  Tending(const Configuration& configuration, const ManagedCertificate& certificate, std::stop_token stop)
      : configuration_(configuration),
        certificate_(certificate),
        stop_(std::move(stop)),
        state_(state_of(configuration)),
        place_(configuration, certificate) {}

  CertificateResult run();

 private:
  void say(Priority priority, std::string event, std::vector<Field> fields = {});
  void read_attempts();
  std::vector<Obligation> owed();
  void look_and_act();
  void carry_out(const Plan& plan);
  void wait(Time when);
  void obtain(const Step& step, const std::string& why);
  Identity ask(StepCa& ca, const Step& step, const std::optional<Identity>& present);
  Identity enroll_with(StepCa& ca);
  PrivateKey pending_key();
  void note_failure(const Error& error);

  const Configuration& configuration_;
  const ManagedCertificate& certificate_;
  std::stop_token stop_;
  StateDirectory state_;
  Place place_;
  Attempts attempts_;
  OnDisk on_disk_;
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
  on_disk_ = place_.look();
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  if (std::holds_alternative<UnusableOnDisk>(on_disk_))
    return carry_out(next_step(certificate_, on_disk_, attempts_, {}, system_now()));
  const auto debts = owed();
  if (const auto staged = place_.staged(); staged && is_ours(staged->leaf().fingerprint(), pair, debts)) {
    result_.staged = Staged{staged->leaf().fingerprint(), pair == nullptr ? std::nullopt : std::optional(pair->leaf)};
    return;
  }
  if (debts.empty() && place_.has_leftovers()) place_.discard_next();
  auto plan = next_step(certificate_, on_disk_, attempts_, debts, system_now());
  // Adopting is the business of the proxy's own queue; the certificate only waits.
  if (std::holds_alternative<Adopt>(plan.step)) plan = next_step(certificate_, on_disk_, attempts_, {}, system_now());
  carry_out(plan);
}

void Tending::carry_out(const Plan& plan) {
  if (const auto* waiting = std::get_if<WaitUntil>(&plan.step)) return wait(waiting->when);
  if (const auto* given_up = std::get_if<GiveUp>(&plan.step)) {
    result_.failed = true;
    result_.look_again = system_now() + after_giving_up;
    return say(Priority::error, "needs-attention", {{"reason", given_up->reason}});
  }
  obtain(plan.step, plan.why);
}

void Tending::wait(Time when) {
  if (attempts_.failures == 0 && state_.pending_key(certificate_.name))  // a run was killed after its delivery
    state_.remove_pending_key(certificate_.name);
  result_.look_again = std::min<Time>(when, system_now() + longest_wait);
  result_.renewal = when;
  const auto* pair = std::get_if<PairOnDisk>(&on_disk_);
  if (pair != nullptr && !pair->missing_names.empty() && !certificate_.enroll) {
    result_.failed = true;
    result_.last_error = "it lacks " + pair->missing_names + ", and there is no \"enroll\" to get another one";
  } else if (attempts_.failures > 0 && (pair == nullptr || when != renewal_time(*pair, certificate_.survive))) {
    result_.failed = true;
    result_.last_error = attempts_.last_error;
  }
}

PrivateKey Tending::pending_key() {
  if (const auto pem = state_.pending_key(certificate_.name)) {
    auto key = PrivateKey::from_pem(pem->reveal(), "the pending key of " + certificate_.name);
    if (key.type() == certificate_.key) return key;
  }
  auto key = PrivateKey::generate(certificate_.key);
  state_.store_pending_key(certificate_.name, key.to_pem());
  return key;
}

Identity Tending::enroll_with(StepCa& ca) {
  const auto key = pending_key();
  const auto token = enrollment_token(ca, certificate_, system_now(), stop_);
  const CertificateWish wish{certificate_.subject, certificate_.names, "", certificate_.not_after};
  ExpectedCertificate expected{key, classify_all(certificate_.names), std::nullopt, std::nullopt};
  if (const auto asked = parse_duration(certificate_.not_after))
    expected.lifetime = std::chrono::floor<std::chrono::seconds>(*asked);
  return accept(enroll(ca, wish, key, token), expected, ca.trusted_roots(), system_now());
}

Identity Tending::ask(StepCa& ca, const Step& step, const std::optional<Identity>& present) {
  if (std::holds_alternative<Enroll>(step) || !present) return enroll_with(ca);
  const bool new_key = std::holds_alternative<Rekey>(step);
  const auto key = new_key ? PrivateKey::generate(certificate_.key) : present->key;
  auto chain = new_key ? rekey(ca, *present, key, system_now()) : renew(ca, *present, system_now());
  return accept(std::move(chain), {key, {}, present->leaf(), std::nullopt}, ca.trusted_roots(), system_now());
}

void Tending::obtain(const Step& step, const std::string& why) {
  place_.check_writable();
  const auto present = place_.live();
  const auto roots = trusted_roots(configuration_.authority, state_, stop_);
  StepCa ca(configuration_.authority.url, roots, stop_);
  const auto identity = ask(ca, step, present);
  place_.stage({identity, roots});
  const bool same_key = present && present->key == identity.key;
  const Time now = system_now();
  state_.store(certificate_.name, {.last_success = now, .key_since = same_key ? attempts_.key_since : now});
  result_.staged =
      Staged{identity.leaf().fingerprint(), present ? std::optional(present->leaf().fingerprint()) : std::nullopt};
  say(Priority::info, "obtained",
      {{"serial", identity.leaf().serial_hex()},
       {"not_after", format_time(identity.leaf().validity().not_after)},
       {"why", why}});
}

void Tending::note_failure(const Error& error) {
  const Time now = system_now();
  if (error.kind() == ErrorKind::cancelled) {
    result_.look_again = now;
    return;
  }
  result_.failed = true;
  ++attempts_.failures;
  attempts_.last_failure = now;
  attempts_.last_kind = error.kind();
  attempts_.last_error = error.what();
  attempts_.not_before.reset();
  if (const auto delay = error.retry_after())
    attempts_.not_before = now + std::min<std::chrono::seconds>(*delay, most_patience);
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
  } catch (const Error& storage) {  // a full disk: the memory of this failure lasts as long as we do
    say(Priority::warning, "state-not-written", {{"error", storage.what()}});
  }
}

// Without its account nobody knows what a proxy took up: it owes everything that it uses.
void start_account_afresh(const Configuration& configuration, const std::string& proxy, const StateDirectory& state) {
  ProxyState account;
  for (const auto& [name, certificate] : configuration.certificates)
    for (const auto& user : certificate.used_by)
      if (user == proxy)
        if (const auto on_disk = Place(configuration, certificate).look(); std::holds_alternative<PairOnDisk>(on_disk))
          account.owed.push_back({name, std::get<PairOnDisk>(on_disk).leaf, system_now()});
  state.store(proxy, account);
}

void mend_account(const Configuration& configuration, const std::string& proxy, const StateDirectory& state,
                  std::vector<Event>& events) {
  try {
    static_cast<void>(state.proxy(proxy));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    events.push_back({Priority::warning,
                      "state-damaged",
                      {{"proxy", proxy}, {"error", error.what()}, {"done", "reloads it to be safe"}}});
    start_account_afresh(configuration, proxy, state);
  }
}

// Whatever `action` throws comes out as an Error.
template <typename Action>
void with_errors(Action action) try {
  action();
} catch (const Error&) {
  throw;
} catch (const std::exception& error) {
  throw Error(ErrorKind::storage, error.what());
}

void swap_in(const Configuration& configuration, const ManagedCertificate& certificate, const Staged& staged,
             CertificateResult& result) {
  const auto state = state_of(configuration);
  state.create();
  for (const auto& proxy : certificate.used_by) mend_account(configuration, proxy, state, result.events);
  Place place(configuration, certificate);
  const auto identity = place.next();
  if (!identity || identity->leaf().fingerprint() != staged.leaf)
    throw Error(ErrorKind::conflict, "what was staged for " + certificate.name + " is gone");
  const auto& leaf = identity->leaf();
  owe(state, certificate.used_by, {certificate.name, leaf.fingerprint(), system_now()});
  place.swap(staged.replaces);
  state.remove_pending_key(certificate.name);
  result.events.push_back({Priority::info,
                           "delivered",
                           {{"certificate", certificate.name},
                            {"serial", leaf.serial_hex()},
                            {"fingerprint", leaf.fingerprint().hex()},
                            {"not_after", format_time(leaf.validity().not_after)}}});
}

// What somebody else put there stays: the next pass must not take ours for a delivery that a crash interrupted.
void swap_in_or_discard(const Configuration& configuration, const ManagedCertificate& certificate, const Staged& staged,
                        CertificateResult& result) {
  try {
    swap_in(configuration, certificate, staged, result);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::conflict) Place(configuration, certificate).discard_next();
    throw;
  }
}

void adopt_owed(const Configuration& configuration, const Proxy& proxy, std::stop_token stop, ProxyResult& result) {
  const auto state = state_of(configuration);
  mend_account(configuration, proxy.name, state, result.events);
  const auto adoption = everleaf::adopt(proxy, state, system_now(), std::move(stop));
  result.try_again = adoption.try_again;
  if (!adoption.error.empty())
    result.events.push_back(
        {Priority::warning,
         "reload-failed",
         {{"proxy", proxy.name}, {"error", adoption.error}, {"next", format_time(*adoption.try_again)}}});
  for (const auto& obligation : adoption.adopted) {
    result.adopted.push_back(obligation.certificate);
    result.events.push_back(
        {Priority::info,
         "adopted",
         {{"certificate", obligation.certificate}, {"proxy", proxy.name}, {"fingerprint", obligation.leaf.hex()}}});
  }
}

}  // namespace

CertificateResult FilePasses::tend(const Configuration& configuration, const ManagedCertificate& certificate,
                                   std::stop_token stop) {
  return Tending(configuration, certificate, std::move(stop)).run();
}

CertificateResult FilePasses::swap(const Configuration& configuration, const ManagedCertificate& certificate,
                                   const Staged& staged) {
  CertificateResult result{.look_again = system_now()};
  try {
    with_errors([&] { swap_in_or_discard(configuration, certificate, staged, result); });
  } catch (const Error& error) {
    result.failed = true;
    result.look_again += after_giving_up;
    result.events.push_back({Priority::error,
                             "delivery-failed",
                             {{"certificate", certificate.name}, {"error", error.what()}, {"hint", error.hint()}}});
  }
  return result;
}

ProxyResult FilePasses::adopt(const Configuration& configuration, const Proxy& proxy, std::stop_token stop) {
  ProxyResult result;
  try {
    with_errors([&] { adopt_owed(configuration, proxy, std::move(stop), result); });
  } catch (const Error& error) {
    result.try_again = system_now() + after_giving_up;
    if (error.kind() != ErrorKind::cancelled)
      result.events.push_back(
          {Priority::error, "reload-failed", {{"proxy", proxy.name}, {"error", error.what()}, {"hint", error.hint()}}});
  }
  return result;
}

void retry_at_once(const Configuration& configuration) {
  const auto state = state_of(configuration);
  for (const auto& [name, certificate] : configuration.certificates) try {
      auto attempts = state.attempts(name);
      if (!attempts.last_failure || attempts.not_before > system_now()) continue;
      attempts.last_failure.reset();
      state.store(name, attempts);
    } catch (const Error& error) {  // the certificate's own pass reports it
      if (advice(error) == Advice::retry) throw;
    }
}

struct StateInUse::Native {
  Lock lock;
};

StateInUse::StateInUse(const Configuration& configuration) {
  const auto state = state_of(configuration);
  state.create();
  std::error_code error;
  if (std::filesystem::create_directory(configuration.live_parent(), error))
    std::filesystem::permissions(configuration.live_parent(), std::filesystem::perms(0711), error);
  if (error) throw system_error("cannot make " + configuration.live_parent().string(), error.value());
  auto lock = Lock::try_acquire(state.lock_file());
  if (!lock)
    throw Error(ErrorKind::conflict, "another everleafd is using " + configuration.state.string(),
                "run either the daemon or the timer's --once, not both");
  state.remove_strays();
  native_ = std::make_unique<Native>(Native{std::move(*lock)});
}

StateInUse::~StateInUse() = default;

}  // namespace everleaf::agent
