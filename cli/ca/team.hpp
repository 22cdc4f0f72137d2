// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/context/defaults.hpp"

namespace everleaf::cli {

// What a team's server says of one of its CAs, for who knows only the team's name: `root` is empty yet. `url` is where
// to ask instead of smallstep.com; "<>" in it stands for the team. Its certificate must lead to a root that the system
// trusts. Throws usage for another scheme than https, else what HttpClient throws, missing and answer.
BootstrapDefaults fetch_team_authority(const std::string& team, const std::string& authority, const std::string& url);

// What `place` answered. Throws malformed.
BootstrapDefaults authority_in_answer(const std::string& body, const std::string& place);

}  // namespace everleaf::cli
