// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace everleaf::cli {

// Where step keeps what it knows of a CA: $STEPPATH, else $HOME/.step.
class StepPath {
 public:
  explicit StepPath(std::filesystem::path base) : base_(std::move(base)) {}
  // Throws usage if neither variable is set.
  static StepPath from_environment();
  // The same, or nothing.
  static std::optional<StepPath> if_any();

  std::filesystem::path root_certificate() const { return base_ / "certs" / "root_ca.crt"; }
  std::filesystem::path defaults() const { return base_ / "config" / "defaults.json"; }

 private:
  std::filesystem::path base_;
};

}  // namespace everleaf::cli
