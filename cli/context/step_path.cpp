// SPDX-License-Identifier: Apache-2.0
#include "cli/context/step_path.hpp"

#include <cstdlib>

#include <everleaf/error/error.hpp>

namespace everleaf::cli {

std::optional<StepPath> StepPath::if_any() {
  if (const char* path = std::getenv("STEPPATH"); path != nullptr && *path != '\0') return StepPath(path);
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return StepPath(std::filesystem::path(home) / ".step");
  return std::nullopt;
}

StepPath StepPath::from_environment() {
  if (auto path = if_any()) return *path;
  throw Error(ErrorKind::usage, "neither STEPPATH nor HOME is set", "set STEPPATH to a directory of yours");
}

}  // namespace everleaf::cli
