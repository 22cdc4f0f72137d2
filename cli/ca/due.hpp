// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <everleaf/time/time.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf::cli {

// How long the certificate is still good for, if that is more than --expires-in (and up to a twentieth of it, so that a
// fleet spreads; where step draws, the fingerprint decides); nothing if it is due. `expires_in` empty or not above 0:
// always due.
std::optional<std::chrono::seconds> not_due_for(const Certificate& certificate, const std::string& expires_in,
                                                Time now);

// Throws usage if that is longer than the certificate's life.
void require_within_lifetime(const Certificate& certificate, const std::string& expires_in);

}  // namespace everleaf::cli
