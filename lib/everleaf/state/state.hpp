// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <everleaf/error/error.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/fingerprint.hpp>

namespace everleaf {

// The leaf that the proxies of a certificate have last had to take up, or had when everleaf came.
struct Told {
  Fingerprint leaf;
  Time until;  // its end

  friend bool operator==(const Told&, const Told&) = default;
};

// What happened so far with one certificate. The live files are the truth about the certificate itself; losing this
// loses only the memory of failures.
struct Attempts {
  unsigned failures = 0;  // in a row
  std::optional<Time> last_failure;
  ErrorKind last_kind = ErrorKind::connection;  // of the last failure
  std::string last_error;
  std::string last_hint{};         // what may mend it; empty: nobody knows
  std::optional<Time> not_before;  // the CA asked us to wait until then
  std::optional<Time> last_success;
  std::optional<Told> told{};
  std::optional<Time> repaired{};  // when what somebody damaged beside this pair was last put right
  std::optional<Time> key_since;   // when the present key came into use, as far as we know
  // How far the CA's clock was ahead of ours when it last answered; behind, if it is negative.
  std::optional<std::chrono::seconds> ca_ahead{};
  std::optional<Time> ca_back{};  // AuthorityState::back, for the plan; it is not stored here

  friend bool operator==(const Attempts&, const Attempts&) = default;
};

// What is remembered of the CA.
struct AuthorityState {
  std::string stand_in;  // origin of the one that answered when those before it did not; empty: none
  std::optional<Time> stand_in_since;
  bool is_away = false;      // the last that was asked of it failed
  std::optional<Time> back;  // when it was there for somebody on this host again, after it had been away

  friend bool operator==(const AuthorityState&, const AuthorityState&) = default;
};

// What is known of the trusted roots, beside roots.pem.
struct RootsState {
  std::set<Fingerprint> seeds;         // as configured when they were taken
  std::map<Fingerprint, Time> listed;  // when the CA listed each the last time
  std::optional<Time> asked;           // when it was last asked for its list
  struct Sought {
    std::optional<Time> when{};  // nothing: all are there
    std::set<Fingerprint> seeds{};

    friend bool operator==(const Sought&, const Sought&) = default;
  };
  Sought sought{};                  // when one of these, which were configured, could not be had
  std::optional<Time> grew;         // when one was added to those that we had
  std::chrono::seconds longest{0};  // the longest lifetime of a leaf so far
  unsigned taken = 0;               // how many were taken from the CA so far

  friend bool operator==(const RootsState&, const RootsState&) = default;
};

// A proxy has to take up this certificate.
struct Obligation {
  std::string certificate;
  Fingerprint leaf;
  Time since;                      // when it came to owe this certificate, whatever was delivered later
  std::optional<Time> deadline{};  // when what the proxy still has expires; nothing: it has nothing, or nobody knows
  Time delivered = since;          // this leaf

  friend bool operator==(const Obligation&, const Obligation&) = default;
};

// A new certificate that lies beside the live one, because it was refused.
struct Withheld {
  Fingerprint leaf;
  std::string reason;
  unsigned refusals = 0;  // in a row
  Time last_refusal{};

  friend bool operator==(const Withheld&, const Withheld&) = default;
};

// A worker of an nginx that a reload left behind, with what was in use before it.
struct DrainingWorker {
  pid_t process = 0;
  std::string start;               // as the kernel says it
  Time since;                      // the reload
  std::optional<Time> deadline{};  // when the first of what it has expires; nothing: nobody knows
  bool is_told = false;            // that it goes on for too long

  friend bool operator==(const DrainingWorker&, const DrainingWorker&) = default;
};

// The first deadline of obligations or of draining workers; nothing if none is known.
template <typename Deadlines>
std::optional<Time> earliest_deadline(const Deadlines& all) {
  std::optional<Time> earliest;
  for (const auto& one : all)
    if (one.deadline) earliest = std::min(*one.deadline, earliest.value_or(*one.deadline));
  return earliest;
}

// What one proxy owes, how often it failed, and who still serves without what it took up.
struct ProxyState {
  std::vector<Obligation> owed;
  unsigned failures = 0;
  std::optional<Time> last_failure;
  std::string last_error;
  std::vector<DrainingWorker> draining{};

  friend bool operator==(const ProxyState&, const ProxyState&) = default;
};

}  // namespace everleaf
