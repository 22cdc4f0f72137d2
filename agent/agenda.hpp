// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include <everleaf/time/time.hpp>

namespace everleaf::agent {

// What is due when: each name at most once. Of those that are due the most urgent comes first, so that in a backlog it
// does not wait for those that were due before it.
class Agenda {
 public:
  // Enters or moves `name`; the earlier its `deadline`, the more urgent it is.
  void put(const std::string& name, Time due, Time deadline = Time::max());
  void remove(const std::string& name);

  // Takes out the most urgent one that is due, or was when this was asked before.
  std::optional<std::string> take_due(Time now);
  // When there will be something to take; in the past if there is.
  std::optional<Time> next() const;
  std::optional<Time> due(const std::string& name) const;

 private:
  struct Place {
    Time due;
    Time deadline;
  };
  std::map<std::string, Place> places_;
  std::set<std::tuple<Time, std::string>> waiting_;      // by due time
  std::set<std::tuple<Time, Time, std::string>> ready_;  // by deadline, then by due time
};

}  // namespace everleaf::agent
