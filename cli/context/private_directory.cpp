// SPDX-License-Identifier: Apache-2.0
#include "cli/context/private_directory.hpp"

#include <sys/stat.h>

#include <cerrno>

#include <everleaf/error/error.hpp>

namespace everleaf::cli {

void make_private_directories(const std::filesystem::path& directory) {
  if (directory.empty() || std::filesystem::exists(directory)) return;
  make_private_directories(directory.parent_path());
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    throw system_error("cannot make " + directory.string(), errno);
}

mode_t public_mode() {
  const auto mask = umask(077);
  umask(mask);
  return 0644 & ~mask;
}

}  // namespace everleaf::cli
