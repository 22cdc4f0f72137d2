// SPDX-License-Identifier: Apache-2.0
// What the commands on managed certificates share.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include <everleaf/config/load.hpp>

namespace everleaf::cli {

// --config, as everleafd has it.
struct ConfigurationOption {
  std::filesystem::path file = "/etc/everleaf/everleaf.toml";

  void add_to(CLI::App& command);
  // As everleafd would read it: "%d" is where systemd puts the credentials of its unit.
  LoadedConfiguration load() const;
  Configuration require() const;  // throws configuration
};

std::vector<std::string> names_of(const Configuration& configuration);  // of its certificates
// Throws missing, with the nearest of `known` as a hint.
[[noreturn]] void reject_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace everleaf::cli
