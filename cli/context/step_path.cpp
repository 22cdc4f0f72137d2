// SPDX-License-Identifier: Apache-2.0
#include "cli/context/step_path.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include <everleaf/error/error.hpp>

namespace everleaf::cli {

namespace {

std::filesystem::path path_in(const char* variable) {
  const char* path = std::getenv(variable);
  return path != nullptr ? path : "";
}

std::filesystem::path home_directory() {
  if (const auto home = path_in("HOME"); !home.empty()) return home;
  const auto* user = getpwuid(getuid());  // a service has no HOME
  return user != nullptr ? user->pw_dir : "";
}

}  // namespace

std::optional<std::filesystem::path> step_base() {
  if (const auto path = path_in("STEPPATH"); !path.empty()) return path;
  const auto home = home_directory(), configuration = path_in("XDG_CONFIG_HOME");
  std::error_code unreadable;  // then the commands will say so
  const bool has_usual = !home.empty() && std::filesystem::exists(home / ".step", unreadable);
  if (configuration.is_absolute() && !has_usual) return configuration / "step";  // a relative one is to be ignored
  if (!home.empty()) return home / ".step";
  return std::nullopt;
}

std::optional<StepPath> StepPath::if_any(const std::string& name) {
  const auto base = step_base();
  if (!base) return std::nullopt;
  StepPath path(*base);
  const auto contexts = Contexts::load(*base);
  path.uses_contexts_ = contexts.are_in_use();
  if (path.uses_contexts_) path.context_ = name.empty() ? contexts.current() : contexts.find(name);
  if (path.uses_contexts_ && !name.empty() && !path.context_)
    throw Error(ErrorKind::usage, "there is no context \"" + escape(name) + "\"",
                "\"everleaf context list\" shows those that there are");
  return path;
}

StepPath StepPath::from_environment(const std::string& name) {
  if (auto path = if_any(name)) return *path;
  throw Error(ErrorKind::usage, "neither STEPPATH nor HOME is set", "set STEPPATH to a directory of yours");
}

StepPath StepPath::in(const std::filesystem::path& base, const Context& context) {
  StepPath path(base);
  path.uses_contexts_ = true;
  path.context_ = context;
  return path;
}

void StepPath::require_choice() const {
  if (uses_contexts_ && !context_)
    throw Error(ErrorKind::usage, "no context is selected", "choose one with \"everleaf context select\"");
}

std::filesystem::path StepPath::authority() const {
  require_choice();
  return context_ ? base_ / "authorities" / context_->authority : base_;
}

std::filesystem::path StepPath::profile() const {
  require_choice();
  return context_ ? base_ / "profiles" / context_->profile : base_;
}

std::vector<std::filesystem::path> StepPath::defaults() const {
  if (!uses_contexts_) return {authority_defaults()};
  if (!context_) return {};  // whoever needs more than that will complain
  return {profile_defaults(), authority_defaults()};
}

}  // namespace everleaf::cli
