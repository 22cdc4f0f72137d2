// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/context/contexts.hpp"

namespace everleaf::cli {

// Where step keeps what it knows of a CA: $STEPPATH, else .step in $HOME or the user's home; who has neither and says
// where his configuration belongs (XDG Base Directory Specification) has it in $XDG_CONFIG_HOME/step. With contexts in
// directories of its own for each authority and each profile.
class StepPath {
 public:
  // Of the context `name`, else of the current one; `name` says nothing where contexts are not in use, as with step.
  // Throws usage if there is no home either or there is no such context.
  static StepPath from_environment(const std::string& name = {});
  // The same, or nothing if there is no home either.
  static std::optional<StepPath> if_any(const std::string& name = {});
  // Of a context that is going to be added.
  static StepPath in(const std::filesystem::path& base, const Context& context);

  const std::filesystem::path& base() const { return base_; }
  bool uses_contexts() const { return uses_contexts_; }
  std::filesystem::path authority() const;  // throws usage if contexts are in use, and none is chosen
  std::filesystem::path profile() const;

  std::filesystem::path root_certificate() const { return authority() / "certs" / "root_ca.crt"; }
  std::filesystem::path authority_defaults() const { return authority() / "config" / "defaults.json"; }
  std::filesystem::path profile_defaults() const { return profile() / "config" / "defaults.json"; }
  // Those that there may be, the ones that win first.
  std::vector<std::filesystem::path> defaults() const;

 private:
  explicit StepPath(std::filesystem::path base) : base_(std::move(base)) {}
  void require_choice() const;

  std::filesystem::path base_;
  bool uses_contexts_ = false;
  std::optional<Context> context_;
};

// STEPPATH, else .step of the home, or XDG_CONFIG_HOME's step; nothing if there is none.
std::optional<std::filesystem::path> step_base();

}  // namespace everleaf::cli
