// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>

#include <everleaf/config/configuration.hpp>

namespace everleaf {

// Of the files with passwords, tokens and keys by which certificates enroll, those that everybody may read. What cannot
// be looked at is not among them.
std::set<std::filesystem::path> secrets_for_everybody(const Configuration& configuration);

}  // namespace everleaf
