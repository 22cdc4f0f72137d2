// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// A certificate that a proxy has to show.
struct Exhibit {
  Probe probe;
  Certificate leaf;
};

// What a proxy did not show within the time, and what was seen instead.
struct Unproven {
  std::string certificate;
  std::string found;
};

// Asks the probes again and again until each has seen its certificate three times in a row, at most for `limit`;
// answers which have not. For 0.1 s after a reload it is normal that now a new worker answers, now an old one.
// Who never answers takes its share of that time, and nothing of the others'.
// `reloaded`: when the reload was asked for (time_since_boot()), if there was one. Throws cancelled.
std::vector<Unproven> prove(std::vector<Exhibit> exhibits, std::optional<std::chrono::milliseconds> reloaded,
                            std::chrono::milliseconds limit, std::stop_token stop);

}  // namespace everleaf
