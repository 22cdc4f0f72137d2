// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/lifecycle/trust.hpp>

namespace everleaf {

// What a proxy owes for one certificate, and how it went so far.
struct Owed {
  std::string proxy;
  Obligation obligation;
  unsigned failures = 0;
  std::string last_error;
  std::optional<Time> next_try;  // nothing: at once
};

// All that a plan for one certificate depends on.
struct Situation {
  OnDisk on_disk;
  Attempts attempts;
  std::vector<Owed> owed;
  std::optional<Validity> staged;  // a newer one lies ready and goes in before anything else,
  std::optional<Withheld> held{};  // unless it is held back
};

// What lies at `place`, seen by who trusts these roots; by who trusts none yet its own are as good as any.
OnDisk look_at(const Place& place, const Trust& trust);

// Reads the files of `certificate` and what is remembered of it; changes nothing, so it may run beside the daemon.
// Throws storage, with a hint, for who may not read them, and malformed for a damaged state.
Situation look_at(const Configuration& configuration, const ManagedCertificate& certificate);

}  // namespace everleaf
