// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include <everleaf/time/time.hpp>

namespace everleaf::agent {

// What is due when: each name at most once. Ordered by due time, then by how urgent it is.
class Agenda {
 public:
  // Enters or moves `name`. Of two that are due at the same time the one with the earlier `deadline` comes first.
  void put(const std::string& name, Time due, Time deadline = Time::max());
  void remove(const std::string& name);

  // Takes out the first one that is due.
  std::optional<std::string> take_due(Time now);
  std::optional<Time> next() const;
  std::optional<Time> due(const std::string& name) const;

 private:
  using Entry = std::tuple<Time, Time, std::string>;
  std::set<Entry> entries_;
  std::map<std::string, std::set<Entry>::iterator> places_;
};

}  // namespace everleaf::agent
