// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace everleaf::cli {

// Makes `directory` and those above it that are missing, all of them 0700.
void make_private_directories(const std::filesystem::path& directory);

}  // namespace everleaf::cli
