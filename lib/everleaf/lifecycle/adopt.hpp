// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/state/state_directory.hpp>

namespace everleaf {

// Notes, before a swap, that these proxies have to take up `leaf`. An older obligation for the same certificate is
// replaced: one reload fulfils both.
void owe(const StateDirectory& state, const std::vector<std::string>& proxies, const Obligation& obligation);

// What a reload came to.
struct Reloaded {
  bool running = true;       // false: nothing runs that could take anything up
  std::size_t draining = 0;  // earlier workers of an nginx that still serve their connections
};

// Makes the proxy read its files again. Throws hook. An nginx that is reloaded by systemd or by SIGHUP has a new worker
// when this returns, if we can see its processes.
Reloaded reload(const Proxy& proxy, std::stop_token stop);

// What came of trying to fulfil everything that one proxy owes.
struct AdoptionResult {
  std::vector<Obligation> adopted;  // nothing if it failed, or if nothing was owed
  Reloaded reloaded;                // how they were adopted
  std::optional<Error> error;       // nothing: it did not fail
  std::optional<Time> try_again;
};

// Reloads the proxy once if it owes anything, and keeps the account of it: fulfilled obligations are forgotten, a
// failure is counted and due again. Throws only cancelled and storage errors.
AdoptionResult adopt(const Proxy& proxy, const StateDirectory& state, Time now, std::stop_token stop);

}  // namespace everleaf
