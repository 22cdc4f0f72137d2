// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/trust.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/step_ca/step_ca.hpp>

namespace everleaf {
namespace {

using Fingerprints = std::set<Fingerprint>;

constexpr std::size_t most_roots = 20;  // a longer list is no list of roots
constexpr std::chrono::days days_of_grace{7};

Fingerprints fingerprints_of(const std::vector<Certificate>& certificates) {
  Fingerprints result;
  for (const auto& certificate : certificates) result.insert(certificate.fingerprint());
  return result;
}

std::vector<Certificate> configured_files(const Authority& authority) {
  const auto* file = std::get_if<std::filesystem::path>(&authority.root);
  if (file == nullptr) return {};
  return parse_certificates(read_file(*file), file->string());
}

Fingerprints configured_roots(const Authority& authority, const std::vector<Certificate>& files) {
  auto result = fingerprints_of(files);
  if (const auto* one = std::get_if<Fingerprint>(&authority.root)) result.insert(*one);
  result.insert(authority.more_roots.begin(), authority.more_roots.end());
  return result;
}

// Those of `trusted` that stay under this configuration.
std::vector<Certificate> kept(const Trust& trust, const Fingerprints& configured, RootsRule rule) {
  const auto is_configured = [&](const Certificate& root) { return configured.contains(root.fingerprint()); };
  const bool is_same_ca = trust.state.seeds == configured || std::ranges::any_of(trust.roots, is_configured);
  std::vector<Certificate> result;
  for (const auto& root : trust.roots) {
    const bool was_followed = !trust.state.seeds.contains(root.fingerprint());
    if (is_configured(root) || (rule == RootsRule::follow && is_same_ca && was_followed)) result.push_back(root);
  }
  return result;
}

// Configured, and neither there nor dropped before by following the CA.
Fingerprints missing(const Trust& trust, const Fingerprints& configured, RootsRule rule) {
  const auto there = fingerprints_of(trust.roots);
  Fingerprints result;
  for (const auto& one : configured) {
    const bool was_dropped = rule == RootsRule::follow && !there.empty() && trust.state.seeds.contains(one);
    if (!there.contains(one) && !was_dropped) result.insert(one);
  }
  return result;
}

Certificate fetch_in_turn(const std::vector<HttpsUrl>& cas, const Fingerprint& wanted, std::stop_token stop) {
  std::optional<Certificate> root;
  ask_in_turn(
      cas, time_for_root, [](const Error& error) { return is_failure_of_ca(error.kind()); },
      [&](const HttpsUrl& url, std::chrono::milliseconds time) { root = fetch_root(url, wanted, stop, time); });
  return *root;
}

bool is_usable_root(const Certificate& certificate, Time now) {
  return certificate.is_authority() && certificate.is_self_issued() && certificate.validity().contains(now);
}

bool is_outlived(const Trust& trust, const Certificate& root, Time now) {
  if (root.validity().not_after <= now) return true;
  return now - trust.state.listed.at(root.fingerprint()) > trust.state.longest + days_of_grace;
}

}  // namespace

bool is_settled(const Authority& authority, const Trust& trust) {
  const auto configured = configured_roots(authority, configured_files(authority));
  return trust.state.seeds == configured && missing(trust, configured, authority.roots).empty() &&
         kept(trust, configured, authority.roots).size() == trust.roots.size();
}

bool was_sought(const Authority& authority, const Trust& trust, std::chrono::seconds patience, Time now) {
  const auto& [sought, seeds] = trust.state.sought;
  return sought && *sought <= now && now - *sought < patience &&
         seeds == configured_roots(authority, configured_files(authority));
}

Trust stored_trust(const StateDirectory& directory) {
  Trust trust{directory.roots(), {}};
  try {
    trust.state = directory.roots_state();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    trust.damage = error.what();
  }
  return trust;
}

Trust trusted_roots(const Authority& authority, const StateDirectory& directory, Time now, std::stop_token stop) {
  const Trust trust = stored_trust(directory);
  if (!trust.roots.empty() && is_settled(authority, trust)) return trust;
  const auto files = configured_files(authority);
  const auto configured = configured_roots(authority, files);
  const auto wanted = missing(trust, configured, authority.roots);
  Trust next{kept(trust, configured, authority.roots), trust.state};
  const auto before = next.roots.size();
  for (const auto& root : files)
    if (wanted.contains(root.fingerprint())) next.roots.push_back(root);
  for (const auto& one : wanted)
    if (!fingerprints_of(next.roots).contains(one)) try {
        next.roots.push_back(fetch_in_turn(in_turn(authority, readable_authority(directory), now), one, stop));
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::cancelled || (next.roots.empty() && one == *wanted.rbegin())) throw;
        next.missing = error.what();
      }
  if (next.roots.empty()) throw Error(ErrorKind::tls, "no root of the CA is known");
  if (next.roots.size() > before && !trust.roots.empty()) next.state.grew = now;
  if (next.missing.empty()) next.state.seeds = configured;
  next.state.sought = next.missing.empty() ? RootsState::Sought{} : RootsState::Sought{now, configured};
  if (next.roots != trust.roots) directory.store_roots(next.roots);
  if (next.state != trust.state) directory.store(next.state);
  return next;
}

Listing heed(Trust& trust, const std::vector<Certificate>& listed, RootsRule rule, Time now) {
  Listing listing;
  auto trusted = fingerprints_of(trust.roots);
  listing.is_foreign = listed.size() > most_roots || std::ranges::none_of(listed, [&](const Certificate& root) {
                         return trusted.contains(root.fingerprint());
                       });
  trust.state.asked = now;
  if (listing.is_foreign) return listing;
  for (const auto& root : trust.roots) trust.state.listed.try_emplace(root.fingerprint(), now);
  for (const auto& root : listed) {
    if (trusted.contains(root.fingerprint()))
      trust.state.listed[root.fingerprint()] = now;
    else if (is_usable_root(root, now) && trusted.insert(root.fingerprint()).second)
      (rule == RootsRule::follow ? listing.taken : listing.offered).push_back(root);
  }
  if (rule == RootsRule::pinned) return listing;
  for (const auto& root : listing.taken) {
    trust.roots.push_back(root);
    trust.state.listed[root.fingerprint()] = now;
    trust.state.grew = now;
    ++trust.state.taken;
  }
  std::erase_if(trust.roots, [&](const Certificate& root) {
    const bool goes = is_outlived(trust, root, now) && listing.dropped.size() + 1 < trust.roots.size();
    if (goes) listing.dropped.push_back(root);
    return goes;
  });
  for (const auto& root : listing.dropped) trust.state.listed.erase(root.fingerprint());
  return listing;
}

}  // namespace everleaf
