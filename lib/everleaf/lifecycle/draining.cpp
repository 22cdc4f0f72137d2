// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/draining.hpp>

#include <algorithm>

namespace everleaf {
namespace {

constexpr std::chrono::seconds alarm_before{std::chrono::hours(1)};
constexpr std::chrono::seconds look_interval{std::chrono::minutes(1)};

bool is_alarming(const DrainingWorker& worker, Time now) {
  const auto alarm = alarm_time(worker);
  return alarm && *alarm <= now;
}

}  // namespace

std::optional<Time> alarm_time(const DrainingWorker& worker) {
  if (!worker.deadline) return std::nullopt;
  return *worker.deadline - std::min(alarm_before, (*worker.deadline - worker.since) / 4);
}

std::optional<Time> draining_deadline(const ProxyState& account) { return earliest_deadline(account.draining); }

std::optional<Time> outlived_deadline(const ProxyState& account, Time now) {
  if (std::ranges::none_of(account.draining, [&](const auto& worker) { return is_alarming(worker, now); })) return {};
  return draining_deadline(account);
}

void note_draining(ProxyState& account, const std::vector<NginxWorkers::Worker>& workers, Time now) {
  const auto deadline = earliest_deadline(account.owed);
  for (const auto& [process, start] : workers) {
    const auto is_it = [&](const DrainingWorker& one) { return one.process == process && one.start == start; };
    if (std::ranges::none_of(account.draining, is_it)) account.draining.push_back({process, start, now, deadline});
  }
}

DrainingLook look_at_draining(ProxyState& account, Time now) {
  DrainingLook look;
  look.changed = std::erase_if(account.draining, [](const DrainingWorker& worker) {
                   return !is_still_there(worker.process, worker.start);
                 }) != 0;
  for (auto& worker : account.draining) {
    look.again = std::min(look.again.value_or(Time::max()), now + look_interval);
    if (const auto alarm = alarm_time(worker); alarm && *alarm > now) look.again = std::min(*look.again, *alarm);
    if (!is_alarming(worker, now) || worker.is_told) continue;
    worker.is_told = look.changed = true;
    look.alarming.push_back(worker);
  }
  return look;
}

}  // namespace everleaf
