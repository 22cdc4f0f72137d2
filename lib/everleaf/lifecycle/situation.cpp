// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/situation.hpp>

#include <everleaf/state/state_directory.hpp>

namespace everleaf {
namespace {

std::vector<Owed> owed_for(const ManagedCertificate& certificate, const StateDirectory& state) {
  std::vector<Owed> owed;
  for (const auto& proxy : certificate.used_by) {
    const auto account = state.proxy(proxy);
    for (const auto& obligation : account.owed) {
      if (obligation.certificate != certificate.name) continue;
      owed.push_back({proxy, obligation, account.failures, account.last_error, std::nullopt});
      if (account.failures > 0 && account.last_failure) owed.back().next_try = retry_time_of_reload(account);
    }
  }
  return owed;
}

void look_at_staged(const Place& place, const std::optional<Withheld>& held, Situation& situation) {
  const auto pending = held ? place.next_leaf() : std::nullopt;
  if (pending && pending->fingerprint() == held->leaf) {
    situation.staged = pending->validity();
    situation.held = held;
  } else if (const auto staged = place.staged()) {
    situation.staged = staged->leaf().validity();
  }
}

}  // namespace

OnDisk look_at(const Place& place, const Trust& trust) {
  auto on_disk = place.look(trust.roots);
  if (auto* pair = std::get_if<PairOnDisk>(&on_disk); pair != nullptr && !trust.roots.empty())
    pair->trust_grew = trust.state.grew;
  return on_disk;
}

Situation look_at(const Configuration& configuration, const ManagedCertificate& certificate) try {
  const StateDirectory state(configuration.state / "state");
  const Place place(configuration, certificate);
  Situation situation{look_at(place, stored_trust(state)), state.attempts(certificate.name),
                      owed_for(certificate, state), std::nullopt};
  situation.attempts.ca_back = state.authority().back;
  if (!std::holds_alternative<UnusableOnDisk>(situation.on_disk))
    look_at_staged(place, state.withheld(certificate.name), situation);
  if (auto* pair = std::get_if<PairOnDisk>(&situation.on_disk);
      pair != nullptr && (situation.held || (!situation.owed.empty() && !pair->is_half)))
    pair->damage.clear();  // it is put right after that
  return situation;
} catch (const Error& error) {
  if (error.kind() != ErrorKind::storage) throw;
  throw error.with_hint("the state belongs to the user of everleafd: run this as that user or as root");
}

}  // namespace everleaf
