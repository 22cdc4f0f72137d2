// SPDX-License-Identifier: Apache-2.0
#include "cli/agent/managed_options.hpp"

#include <everleaf/config/nearest.hpp>
#include <everleaf/error/error.hpp>
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

void refuse_defaults() {
  if (!given_defaults().empty())
    throw Error(ErrorKind::usage, "--config before the command stands for defaults.json, which is not read here",
                "give everleafd's configuration after the command");
}

}  // namespace

void ConfigurationOption::add_to(CLI::App& command) {
  command.add_option("--config", file, "configuration of everleafd; default: /etc/everleaf/everleaf.toml")
      ->type_name("FILE");
}

LoadedConfiguration ConfigurationOption::load() const {
  refuse_defaults();
  know_credentials_directory();
  return load_as_owner_of_state(file);
}

Configuration ConfigurationOption::require() const { return everleaf::require(load()); }

std::vector<std::string> names_of(const Configuration& configuration) {
  std::vector<std::string> names;
  for (const auto& [name, certificate] : configuration.certificates) names.push_back(name);
  return names;
}

void reject_name(const std::string& name, const std::vector<std::string>& known) {
  const auto meant = nearest(name, known);
  throw Error(ErrorKind::missing, "there is no [certificate." + escape(name, 64) + "]",
              meant.empty() ? "the names are those of the configuration" : "did you mean \"" + meant + "\"?");
}

}  // namespace everleaf::cli
