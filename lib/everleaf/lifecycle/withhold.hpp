// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include <everleaf/config/configuration.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/state/state.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// What is to be done with a new certificate that was refused and lies beside the live one. While it is good the CA is
// not asked for another: that would be refused as well.
struct Hold {
  Time until;
};
struct Offer {};    // once more: whoever refused it may have changed
struct Discard {};  // it is to be renewed itself
using WithheldStep = std::variant<Hold, Offer, Discard>;

// It is offered again after 30 s, 2 min, 8 min, then every 30 min, and when the live one (nothing: there is none)
// expires: a good one that may be refused is better than one that must be.
WithheldStep next_step(const Withheld& withheld, const PairOnDisk& pending, const PairOnDisk* live,
                       std::optional<std::chrono::seconds> survive, Time now);

// Asks the upstreams that are configured for `certificate` whether they welcome `pending`. If one refuses it and
// welcomes the live one: its words. Throws cancelled.
std::optional<std::string> refused_upstream(const Configuration& configuration, const ManagedCertificate& certificate,
                                            const Identity& pending, const Identity& live, std::stop_token stop);

}  // namespace everleaf
