// SPDX-License-Identifier: Apache-2.0
#include "agent/file_passes.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/lock.hpp>
#include <everleaf/lifecycle/adopt.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/judge.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include "agent/adoption_events.hpp"
#include "agent/tending.hpp"

namespace everleaf::agent {
namespace {

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

// When what the proxies have ends, if that is remembered.
std::optional<Time> told_until(const StateDirectory& state, const ManagedCertificate& certificate) {
  const auto told = readable_attempts(state, certificate.name).told;
  return told ? std::optional(told->until) : std::nullopt;
}

// What is live is to be taken up, whoever put it there.
void tell_proxies(const StateDirectory& state, const Place& place, const ManagedCertificate& certificate,
                  const Staged& staged, CertificateResult& result) {
  const auto on_disk = place.look();
  const auto* pair = std::get_if<PairOnDisk>(&on_disk);
  if (pair == nullptr || pair->leaf != staged.leaf) return;  // the next pass looks at it
  result.delivered = Obligation{certificate.name, pair->leaf, system_now(), told_until(state, certificate)};
  owe(state, certificate.used_by, *result.delivered);
  note_told(state, certificate.name, {pair->leaf, pair->validity.not_after});
}

void swap_in(const Configuration& configuration, const ManagedCertificate& certificate, const Staged& staged,
             CertificateResult& result) {
  const auto state = state_of(configuration);
  state.create();
  for (const auto& proxy : certificate.used_by) mend_account(configuration, proxy, state, result.events);
  Place place(configuration, certificate);
  if (staged.is_live) return tell_proxies(state, place, certificate, staged, result);
  const auto leaf = place.next_leaf();
  if (!leaf || leaf->fingerprint() != staged.leaf)
    throw Error(ErrorKind::conflict, "what was staged for " + certificate.name + " is gone");
  if (leaf->validity().not_after <= system_now())
    throw Error(ErrorKind::conflict,
                "what was staged for " + certificate.name + " expired before it could be delivered");
  Obligation obligation{certificate.name, leaf->fingerprint(), system_now()};
  if (const auto present = place.look(); const auto* pair = std::get_if<PairOnDisk>(&present))
    obligation.deadline = pair->validity.not_after;
  if (staged.leaf == staged.replaces)  // it may be a pair of somebody else, of which they know nothing
    if (const auto until = told_until(state, certificate)) obligation.deadline = until;
  result.expires = obligation.deadline;
  owe(state, certificate.used_by, obligation);
  if (!certificate.used_by.empty()) note_told(state, certificate.name, {staged.leaf, leaf->validity().not_after});
  place.swap(staged.replaces);
  result.on_disk = PairOnDisk{leaf->validity(), leaf->fingerprint()};
  result.delivered = obligation;
  state.remove_pending_key(certificate.name);
  result.events.push_back({Priority::info,
                           "delivered",
                           {{"certificate", certificate.name},
                            {"serial", leaf->serial_hex()},
                            {"fingerprint", leaf->fingerprint().hex()},
                            {"not_after", format_time(leaf->validity().not_after)}}});
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

void note(const AdoptionResult& adoption, std::vector<Event> events, ProxyResult& result) {
  result.try_again = adoption.try_again;
  result.look_again = adoption.draining.again;
  result.account = adoption.account;
  for (const auto& obligation : adoption.adopted) result.adopted.push_back(obligation.certificate);
  for (auto& event : events) result.events.push_back(std::move(event));
}

void adopt_owed(const Configuration& configuration, const Proxy& proxy, std::stop_token stop, ProxyResult& result) {
  const auto state = state_of(configuration);
  mend_account(configuration, proxy.name, state, result.events);
  const auto adoption = everleaf::adopt(configuration, proxy, state, system_now(), std::move(stop));
  note(adoption, events_of(proxy.name, adoption), result);
  if (adoption.error && adoption.error->kind() == ErrorKind::rejected)
    for (const auto& owed : adoption.account.owed) result.refused.push_back(owed.certificate);
}

void judge_refused(const Configuration& configuration, const Proxy& proxy, const std::vector<std::string>& certificates,
                   std::stop_token stop, ProxyResult& result) {
  const auto state = state_of(configuration);
  const auto judgement = everleaf::judge(configuration, proxy, certificates, state, system_now(), std::move(stop));
  note(judgement.adoption, events_of(proxy.name, judgement), result);
  result.disturbed = judgement.disturbed;
  const auto& account = judgement.adoption.account;
  if (!account.owed.empty() && !result.try_again && account.last_failure)  // as it was when it refused
    result.try_again = retry_time_of_reload(account);
}

// When what is live ends, as far as that can be found out.
std::optional<Time> deadline_of(const Configuration& configuration, const ManagedCertificate& certificate) try {
  const auto on_disk = Place(configuration, certificate).look();
  const auto* pair = std::get_if<PairOnDisk>(&on_disk);
  return pair != nullptr ? std::optional(pair->validity.not_after) : std::nullopt;
} catch (const Error&) {
  return std::nullopt;
}

// When the first of what the proxy still has ends.
std::optional<Time> deadline_of(const Configuration& configuration, const Proxy& proxy) try {
  return earliest_deadline(state_of(configuration).proxy(proxy.name).owed);
} catch (const Error&) {
  return std::nullopt;
}

// What `action` does to a proxy; what it throws is said, and tried again later.
template <typename Action>
ProxyResult proxy_pass(const Configuration& configuration, const Proxy& proxy, Action action) {
  ProxyResult result;
  try {
    with_errors([&] { action(result); });
  } catch (const Error& error) {
    result.try_again = local_retry_time(deadline_of(configuration, proxy), system_now());
    if (error.kind() != ErrorKind::cancelled)
      result.events.push_back({Priority::error,
                               "reload-failed",
                               {{"proxy", proxy.name},
                                {"error", error.what()},
                                {"hint", error.hint()},
                                {"next", format_time(*result.try_again)}}});
  }
  return result;
}

}  // namespace

CertificateResult FilePasses::tend(const Configuration& configuration, const ManagedCertificate& certificate,
                                   std::stop_token stop) {
  return agent::tend(configuration, certificate, at_the_ca_, Haste::none, std::move(stop));
}

CertificateResult FilePasses::renew(const Configuration& configuration, const ManagedCertificate& certificate,
                                    std::stop_token stop) {
  return agent::tend(configuration, certificate, at_the_ca_, Haste::planned, std::move(stop));
}

CertificateResult FilePasses::retry(const Configuration& configuration, const ManagedCertificate& certificate,
                                    std::stop_token stop) {
  return agent::tend(configuration, certificate, at_the_ca_, Haste::damaged, std::move(stop));
}

CertificateResult FilePasses::retry_failed(const Configuration& configuration, const ManagedCertificate& certificate) {
  return agent::tend(configuration, certificate, at_the_ca_, Haste::failed, {});
}

CertificateResult FilePasses::swap(const Configuration& configuration, const ManagedCertificate& certificate,
                                   const Staged& staged) {
  CertificateResult result{.look_again = system_now()};
  try {
    with_errors([&] { swap_in_or_discard(configuration, certificate, staged, result); });
  } catch (const Error& error) {
    result.failed = true;
    result.last_error = error.what();
    result.last_hint = error.hint();
    const auto deadline = result.expires ? result.expires : deadline_of(configuration, certificate);
    result.look_again = local_retry_time(deadline, system_now());
    result.events.push_back({Priority::error,
                             "delivery-failed",
                             {{"certificate", certificate.name},
                              {"error", error.what()},
                              {"hint", error.hint()},
                              {"next", format_time(result.look_again)}}});
  }
  return result;
}

ProxyResult FilePasses::adopt(const Configuration& configuration, const Proxy& proxy, std::stop_token stop) {
  return proxy_pass(configuration, proxy,
                    [&](ProxyResult& result) { adopt_owed(configuration, proxy, std::move(stop), result); });
}

ProxyResult FilePasses::judge(const Configuration& configuration, const Proxy& proxy,
                              const std::vector<std::string>& certificates, std::stop_token stop) {
  return proxy_pass(configuration, proxy, [&](ProxyResult& result) {
    judge_refused(configuration, proxy, certificates, std::move(stop), result);
  });
}

struct StateInUse::Native {
  Lock lock;
};

StateInUse::StateInUse(const Configuration& configuration) {
  const auto state = state_of(configuration);
  state.create();
  make_live_parent(configuration);
  auto lock = Lock::try_acquire(state.lock_file());
  if (!lock)
    throw Error(ErrorKind::conflict, "another everleafd is using " + configuration.state.string(),
                "run either the daemon or the timer's --once, not both");
  state.remove_strays();
  for (const auto& [name, certificate] : configuration.certificates) try {
      Place(configuration, certificate).recover();
    } catch (const Error&) {  // the certificate's own pass reports it
    }
  native_ = std::make_unique<Native>(Native{std::move(*lock)});
}

StateInUse::~StateInUse() = default;

}  // namespace everleaf::agent
