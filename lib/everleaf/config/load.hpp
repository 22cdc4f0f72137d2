// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>

namespace everleaf {

// One thing that is wrong, and where. Line and column count from 1; 0 when it concerns the whole file.
struct ConfigurationProblem {
  std::filesystem::path file;
  unsigned line = 0;
  unsigned column = 0;
  std::string text;
  std::string hint;
};
// "everleaf.toml:12:3: unknown key ..."
std::string to_string(const ConfigurationProblem& problem);

struct LoadedConfiguration {
  std::optional<Configuration> configuration;  // nothing if there is any problem
  std::vector<ConfigurationProblem> problems;  // all of them, in the order of the files
  // As far as what can be read of the files says it:
  std::filesystem::path state;
  std::filesystem::path socket;  // socket_path()
};

// Reads `main_file`, then `conf.d/*.toml` beside it in the order of their names. A name may be defined once. Files that
// others than root or us own or may write are refused. "%d" in a path is systemd's credentials directory.
LoadedConfiguration load_configuration(const std::filesystem::path& main_file);

// For those who read it outside of everleafd's unit: "%d" is where systemd puts the credentials of that.
void know_credentials_directory();

// With the problems that everleafd will have, if root asks: its user, who owns the state, may not read all that root
// may. They do not keep back what root has read, and root goes by nothing else.
LoadedConfiguration load_as_owner_of_state(const std::filesystem::path& main_file);

// The same for those who cannot go on without: throws configuration, naming the first problem and how many there are.
Configuration require_configuration(const std::filesystem::path& main_file);
Configuration require(LoadedConfiguration loaded);
[[noreturn]] void refuse(const std::vector<ConfigurationProblem>& problems);

// "2 certificates, 1 proxy".
std::string contents_of(const Configuration& configuration);

// Whether `name` can be a certificate's or a proxy's: [A-Za-z0-9][A-Za-z0-9_-]{0,63}.
bool is_valid_name(std::string_view name);

}  // namespace everleaf
