// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <everleaf/process/nginx_workers.hpp>
#include <everleaf/state/state.hpp>

namespace everleaf {

// When it is to be said that a worker may outlive its certificate: an hour before the end of that, or when three
// quarters of the time from the reload are over, whatever is later. Nothing: nobody knows what it has.
std::optional<Time> alarm_time(const DrainingWorker& worker);

// The earliest deadline of all; nothing if none is known.
std::optional<Time> draining_deadline(const ProxyState& account);
// The same if the alarm time of one is over.
std::optional<Time> outlived_deadline(const ProxyState& account, Time now);

// Notes whom a reload left behind, with what the proxy owed until then. Who was noted before has something older.
void note_draining(ProxyState& account, const std::vector<NginxWorkers::Worker>& workers, Time now);

// What a look at those that are noted found.
struct DrainingLook {
  bool changed = false;                    // the account has to be stored
  std::vector<DrainingWorker> alarming{};  // to be told now
  std::optional<Time> again{};             // some are left
};

// Forgets who has ended.
DrainingLook look_at_draining(ProxyState& account, Time now);

}  // namespace everleaf
