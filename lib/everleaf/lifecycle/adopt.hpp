// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/lifecycle/draining.hpp>
#include <everleaf/lifecycle/prove.hpp>
#include <everleaf/state/state_directory.hpp>

namespace everleaf {

// Adds what is delivered to what a proxy owes. An older obligation for the same certificate is replaced: one reload
// fulfils both. Since when and by when stay: the proxy still has what it had then.
void add(std::vector<Obligation>& owed, Obligation delivered);
// Notes that for these proxies, before a swap.
void owe(const StateDirectory& state, const std::vector<std::string>& proxies, const Obligation& obligation);

// As they are stored; none for a damaged state, of which the certificate's own pass says it.
Attempts readable_attempts(const StateDirectory& state, const std::string& certificate);

// Notes what these proxies, all that use `certificate`, have to take up or have taken up.
void note_told(const StateDirectory& state, const std::string& certificate, const Told& told);

// What a reload came to.
struct Reloaded {
  bool running = true;                           // false: nothing runs that could take anything up
  std::vector<NginxWorkers::Worker> draining{};  // earlier ones of an nginx that still serve their connections
};

// Runs the check of the proxy, if it has one, and makes it read its files again, for what it owes. Throws rejected if
// it looked and said no, hook if it could not be asked or gave no sign of it. An nginx that is reloaded by systemd or
// by SIGHUP has a new worker when this returns, if we can see its processes.
Reloaded reload(const Configuration& configuration, const Proxy& proxy, const std::vector<Obligation>& owed,
                std::stop_token stop);

// What came of trying to fulfil everything that one proxy owes.
struct AdoptionResult {
  std::vector<Obligation> adopted;   // nothing if it failed, or if nothing was owed
  Reloaded reloaded;                 // how they were adopted
  std::optional<Error> error;        // of the reload; nothing: it did not fail
  std::vector<Unproven> unproven{};  // it was reloaded, but does not show these
  ProxyState account{};              // what is owed afterwards
  std::optional<Time> try_again;
  DrainingLook draining{};
};

// Reloads the proxy once if it owes anything, asks its probes, and keeps the account of it: fulfilled obligations are
// forgotten, a failure is counted and due again. Looks at who still drains as well. Throws only cancelled and storage
// errors.
AdoptionResult adopt(const Configuration& configuration, const Proxy& proxy, const StateDirectory& state, Time now,
                     std::stop_token stop);

// The second half of it, for who has reloaded the proxy himself, at `asked` (time_since_boot()), which
// was `now`.
void settle(const Configuration& configuration, const Proxy& proxy, const StateDirectory& state,
            std::chrono::milliseconds asked, Time now, std::stop_token stop, AdoptionResult& result);

}  // namespace everleaf
