// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace everleaf::cli {

// Makes `directory` and those above it that are missing, all of them 0700.
void make_private_directories(const std::filesystem::path& directory);

// Of a file that everybody may read if the umask lets them.
mode_t public_mode();

}  // namespace everleaf::cli
