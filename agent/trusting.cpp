// SPDX-License-Identifier: Apache-2.0
#include "agent/trusting.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/step_ca/step_ca.hpp>

namespace everleaf::agent {
namespace {

constexpr std::chrono::seconds time_for_list{4};

}  // namespace

void Trusting::say(std::string event, std::vector<Field> fields) {
  events_.push_back(event_of(certificate_.name, Priority::warning, std::move(event), std::move(fields)));
}

void Trusting::read(AtTheCa& at_the_ca, std::chrono::seconds patience) {
  try {
    trust_ = stored_trust(state_);
    if (!trust_.damage.empty()) say("state-damaged", {{"error", trust_.damage}, {"done", "asks the CA for its roots"}});
    if (trust_.roots.empty() || is_settled(configuration_.authority, trust_)) return;
    if (was_sought(configuration_.authority, trust_, patience, system_now())) return;
    const auto visit = at_the_ca.enter(stop_);
    settle();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    say("roots-unknown", {{"error", error.what()}, {"hint", error.hint()}});
  }
}

bool Trusting::settle() {
  const auto before = std::exchange(trust_, trusted_roots(configuration_.authority, state_, system_now(), stop_)).roots;
  if (!trust_.missing.empty()) say("roots-unknown", {{"error", trust_.missing}});
  const bool changed = !before.empty() && trust_.roots != before;
  has_changed_ |= changed;
  return changed;
}

bool Trusting::is_list_due(const OnDisk& on_disk, const Attempts& attempts) const {
  const auto* pair = std::get_if<PairOnDisk>(&on_disk);
  std::chrono::seconds interval = std::chrono::hours(1);
  if (configuration_.authority.roots == RootsRule::follow) {
    if (pair != nullptr) interval = std::min(interval, pair->validity.lifetime() / 10);
    if (attempts.failures > 0 && attempts.last_kind == ErrorKind::wrong_certificate) return true;
  }
  const auto& asked = trust_.state.asked;
  const Time now = system_now();
  return !asked || *asked > now || now - *asked >= interval;
}

bool Trusting::heed_list(const OnDisk& on_disk, const Attempts& attempts) {
  if (std::exchange(has_listed_, true) || !is_list_due(on_disk, attempts)) return false;
  try {
    const auto ca = in_turn(configuration_.authority, readable_authority(state_), system_now()).front();
    const auto listed = StepCa(ca, trust_.roots, stop_, time_for_list).roots();
    auto next = trust_;
    const auto listing = heed(next, listed, configuration_.authority.roots, system_now());
    return take(listing, std::move(next));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    if (error.kind() == ErrorKind::answer) say("roots-refused", {{"error", error.what()}});
    if (error.kind() == ErrorKind::storage) say("state-not-written", {{"error", error.what()}});
    return false;
  }
}

// Nothing is done by roots that are not stored: the next pass would take them away again.
bool Trusting::take(const Listing& listing, Trust next) {
  const bool changed = !listing.taken.empty() || !listing.dropped.empty();
  if (changed) state_.store_roots(next.roots);
  state_.store(next.state);
  trust_ = std::move(next);
  tell_of(listing);
  has_changed_ |= changed;
  return changed;
}

void Trusting::tell_of(const Listing& listing) {
  const auto tell = [this](const char* event, const std::vector<Certificate>& roots, const std::string& hint) {
    for (const auto& root : roots)
      say(event, {{"root", escape(root.common_name())},
                  {"fingerprint", root.fingerprint().hex()},
                  {"not_after", format_time(root.validity().not_after)},
                  {"taken", std::to_string(trust_.state.taken)},
                  {"hint", hint}});
  };
  tell("root-taken", listing.taken, "");
  tell("root-dropped", listing.dropped, "");
  tell("root-offered", listing.offered, "add its fingerprint to [ca] if that is what whoever runs the CA says, too");
  if (listing.is_foreign) say("roots-refused", {{"error", "the CA lists none of the roots by which we know it"}});
}

void Trusting::note_lifetime(std::chrono::seconds lifetime) {
  if (lifetime <= trust_.state.longest) return;
  trust_.state.longest = lifetime;
  state_.store(trust_.state);
}

}  // namespace everleaf::agent
