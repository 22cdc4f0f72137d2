// SPDX-License-Identifier: Apache-2.0
#include "agent/agenda.hpp"

namespace everleaf::agent {

void Agenda::put(const std::string& name, Time due, Time deadline) {
  remove(name);
  places_[name] = {due, deadline};
  waiting_.emplace(due, name);
}

void Agenda::remove(const std::string& name) {
  const auto place = places_.find(name);
  if (place == places_.end()) return;
  const auto [due, deadline] = place->second;
  waiting_.erase({due, name});
  ready_.erase({deadline, due, name});
  places_.erase(place);
}

std::optional<std::string> Agenda::take_due(Time now) {
  while (!waiting_.empty() && std::get<Time>(*waiting_.begin()) <= now) {
    const auto [due, name] = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    ready_.emplace(places_[name].deadline, due, name);
  }
  if (ready_.empty()) return std::nullopt;
  const auto name = std::get<std::string>(*ready_.begin());
  remove(name);
  return name;
}

std::optional<Time> Agenda::next() const {
  if (!ready_.empty()) return std::get<1>(*ready_.begin());
  if (!waiting_.empty()) return std::get<Time>(*waiting_.begin());
  return std::nullopt;
}

std::optional<Time> Agenda::due(const std::string& name) const {
  const auto place = places_.find(name);
  if (place == places_.end()) return std::nullopt;
  return place->second.due;
}

}  // namespace everleaf::agent
