// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/lifecycle/trust.hpp>
#include "agent/at_the_ca.hpp"
#include "agent/event.hpp"

namespace everleaf::agent {

// The roots by which the pass of one certificate knows the CA: stored, configured, and listed by the CA itself. What it
// has to say goes to `events`.
class Trusting {
 public:
  Trusting(const Configuration& configuration, const ManagedCertificate& certificate, const StateDirectory& state,
           std::vector<Event>& events, std::stop_token stop)
      : configuration_(configuration),
        certificate_(certificate),
        state_(state),
        events_(events),
        stop_(std::move(stop)) {}

  const Trust& trust() const { return trust_; }
  // Whether the roots are others than this pass found stored: then all certificates have to be looked at.
  bool has_changed() const { return has_changed_; }

  // What is stored, and what the operator configured since: that is taken at once, not only with the next renewal.
  // What no CA has, though nothing else is configured since, is sought once in `patience`. Throws only cancelled: a
  // renewal cannot do without roots, and will fail.
  void read(AtTheCa& at_the_ca, std::chrono::seconds patience);
  // As the operator configures them; whether they are others now. Throws if there would be none.
  bool settle();
  // Asks the CA for its list, if that is due for this certificate, and heeds it; once a pass. Whether the roots are
  // others now. Without an answer all stays as it is: what is wrong with the CA is seen next. Throws only cancelled.
  bool heed_list(const OnDisk& on_disk, const Attempts& attempts);
  // Old roots stay for as long as the longest lifetime that was seen.
  void note_lifetime(std::chrono::seconds lifetime);

 private:
  void say(std::string event, std::vector<Field> fields);
  bool is_list_due(const OnDisk& on_disk, const Attempts& attempts) const;
  bool take(const Listing& listing, Trust next);
  void tell_of(const Listing& listing);

  const Configuration& configuration_;
  const ManagedCertificate& certificate_;
  const StateDirectory& state_;
  std::vector<Event>& events_;
  std::stop_token stop_;
  Trust trust_;
  bool has_listed_ = false;
  bool has_changed_ = false;
};

}  // namespace everleaf::agent
