// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace everleaf::agent {

struct Options {
  enum class Mode { serve, once, check };
  std::filesystem::path configuration = "/etc/everleaf/everleaf.toml";
  Mode mode = Mode::serve;
};

// Nothing: the user was answered (--help, --version) or corrected; `exit_status` says which.
std::optional<Options> read_options(int argc, char** argv, int& exit_status);

}  // namespace everleaf::agent
