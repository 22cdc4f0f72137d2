// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include <everleaf/x509/fingerprint.hpp>

namespace everleaf::cli {

// Whether environment and defaults.json are looked at for it: not for --help, and not for what is refused anyway.
bool takes_values_from_outside(const CLI::Option& option);

// Gives every option of `command` that is not set yet the value that `file` has under the option's first name. Keys of
// other commands are not looked at. Throws malformed for a damaged file.
void apply_defaults(CLI::App& command, const std::filesystem::path& file);

// What `ca bootstrap` leaves for the commands that follow.
struct BootstrapDefaults {
  std::string ca_url;
  std::string fingerprint;
  std::string root{};
  std::string redirect_url{};  // empty, and 0: not there
  std::string provisioner{};
  unsigned min_password_length = 0;
};
std::string to_json(const BootstrapDefaults& defaults);

}  // namespace everleaf::cli
