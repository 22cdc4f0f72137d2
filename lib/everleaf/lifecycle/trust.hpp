// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/state/state_directory.hpp>

namespace everleaf {

// The roots by which we know the CA, and what is known of them.
struct Trust {
  std::vector<Certificate> roots;
  RootsState state;
  std::string damage{};   // why the state counts as unknown, if it does
  std::string missing{};  // why a root that is configured could not be had, if that was just tried
};

// As it is stored; what is damaged beside the roots themselves counts as unknown.
Trust stored_trust(const StateDirectory& directory);

// From the state, brought in line with the configuration: on first use, and when other roots are configured than
// before, those are read, or fetched from the CA by their fingerprints, and stored. Those that are configured no more
// go. One that no CA has yet is waited for, as long as there is another. Throws if there would be none.
Trust trusted_roots(const Authority& authority, const StateDirectory& directory, Time now, std::stop_token stop);

// Whether trusted_roots() has nothing to fetch or to store.
bool is_settled(const Authority& authority, const Trust& trust);

// Whether just this configuration was tried to be brought in line within `patience`, and one root could not be had.
bool was_sought(const Authority& authority, const Trust& trust, std::chrono::seconds patience, Time now);

// What a list of the CA's roots came to.
struct Listing {
  std::vector<Certificate> taken;
  std::vector<Certificate> dropped;
  std::vector<Certificate> offered;  // new, but roots are pinned
  bool is_foreign = false;           // it has none of the roots that we trust: nothing is changed
};

// Heeds the roots that the CA listed over a connection that it authenticated with one of ours. By `follow` new ones are
// taken; an old one is dropped when it expired, or when the CA has not listed it for longer than the longest lifetime
// seen and a week: who has not renewed since then needs it no more. The last one stays.
Listing heed(Trust& trust, const std::vector<Certificate>& listed, RootsRule rule, Time now);

}  // namespace everleaf
