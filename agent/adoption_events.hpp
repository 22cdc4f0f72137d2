// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <everleaf/lifecycle/judge.hpp>
#include "agent/event.hpp"

namespace everleaf::agent {

// What the log says of an adoption, and of the question whose fault a refusal is. The first failure of a proxy is a
// warning, all others in a row are errors; each names the moment at which what it still has expires.
std::vector<Event> events_of(const std::string& proxy, const AdoptionResult& adoption);
std::vector<Event> events_of(const std::string& proxy, const Judgement& judgement);

}  // namespace everleaf::agent
