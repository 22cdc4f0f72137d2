// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include <everleaf/x509/fingerprint.hpp>
#include "cli/context/step_path.hpp"

namespace everleaf::cli {

// Gives every option of `command` that neither the command line nor the environment set the value that defaults.json
// has under the option's first name. Keys of other commands are not looked at. Throws malformed for a damaged file.
void apply_defaults(CLI::App& command, const StepPath& step_path);

// What `ca bootstrap` leaves for the commands that follow.
struct BootstrapDefaults {
  std::string ca_url;
  std::string fingerprint;
  std::string root;
};
std::string to_json(const BootstrapDefaults& defaults);

}  // namespace everleaf::cli
