// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include <everleaf/state/state_directory.hpp>
#include "agent/at_the_ca.hpp"
#include "agent/passes.hpp"

namespace everleaf::agent {

inline constexpr std::chrono::minutes after_giving_up{5};  // it is looked at again, as somebody may have helped

StateDirectory state_of(const Configuration& configuration);

// What a pass does not wait for.
enum class Haste {
  none,
  failed,   // what failed, unless the CA asked for patience
  damaged,  // the same, and what was put right just now
  planned,  // what is planned for later
};

// A pass for one certificate: looks at its files, finds out what is due, and does it up to what is staged. What goes
// wrong is in the result.
CertificateResult tend(const Configuration& configuration, const ManagedCertificate& certificate, AtTheCa& at_the_ca,
                       Haste haste, std::stop_token stop);

}  // namespace everleaf::agent
