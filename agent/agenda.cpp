// SPDX-License-Identifier: Apache-2.0
#include "agent/agenda.hpp"

namespace everleaf::agent {

void Agenda::put(const std::string& name, Time due, Time deadline) {
  remove(name);
  places_[name] = entries_.emplace(due, deadline, name).first;
}

void Agenda::remove(const std::string& name) {
  const auto place = places_.find(name);
  if (place == places_.end()) return;
  entries_.erase(place->second);
  places_.erase(place);
}

std::optional<std::string> Agenda::take_due(Time now) {
  if (entries_.empty() || std::get<0>(*entries_.begin()) > now) return std::nullopt;
  const auto name = std::get<2>(*entries_.begin());
  remove(name);
  return name;
}

std::optional<Time> Agenda::next() const {
  if (entries_.empty()) return std::nullopt;
  return std::get<0>(*entries_.begin());
}

std::optional<Time> Agenda::due(const std::string& name) const {
  const auto place = places_.find(name);
  if (place == places_.end()) return std::nullopt;
  return std::get<0>(*place->second);
}

}  // namespace everleaf::agent
