// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/state/state_directory.hpp>
#include "agent/event.hpp"

namespace everleaf::agent {

// Asks the CA for one certificate, once. What it has to say goes to `events`, and to `ca_ahead` how far the clock of
// who answered is ahead of ours.
class Asking {
 public:
  Asking(const Configuration& configuration, const ManagedCertificate& certificate, const StateDirectory& state,
         const std::vector<Certificate>& roots, std::vector<Event>& events,
         std::optional<std::chrono::seconds>& ca_ahead, std::stop_token stop)
      : configuration_(configuration),
        certificate_(certificate),
        state_(state),
        roots_(roots),
        events_(events),
        ca_ahead_(ca_ahead),
        stop_(std::move(stop)) {}

  // By `step`: one place of the CA after the other, until one has issued what was asked for. A renewal that is refused
  // is followed by an enrollment where that is configured.
  Identity ask_in_turn(const Step& step, const std::optional<Identity>& present);
  // Remembers which place of the CA it was. What it gave is to be safe before: a full disk must not cost it.
  void note_answer();

 private:
  void say(std::string event, std::vector<Field> fields);
  void note_clock(const StepCa& ca);
  bool may_ask_another(const Error& error) const;
  Identity renew_with(StepCa& ca, const Step& step, const Identity& present);
  Identity ask(StepCa& ca, const Step& step, const std::optional<Identity>& present);
  Identity enroll_with(StepCa& ca);
  PrivateKey pending_key();

  const Configuration& configuration_;
  const ManagedCertificate& certificate_;
  const StateDirectory& state_;
  const std::vector<Certificate>& roots_;
  std::vector<Event>& events_;
  std::optional<std::chrono::seconds>& ca_ahead_;
  std::stop_token stop_;
  std::optional<HttpsUrl> answered_{};
  bool token_is_out_ = false;  // one that cannot be had again
};

}  // namespace everleaf::agent
