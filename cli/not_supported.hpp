// SPDX-License-Identifier: Apache-2.0
// What step has and everleaf has not is answered by its name, instead of as something unknown.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace everleaf::cli {

// Flags that `--help` does not show; given (with a value), they end the command with "... is not supported yet". From
// the environment and defaults.json they are not taken: `step ca init` leaves a "ca-config" there.
void refuse_flags(CLI::App& command, const std::vector<std::string>& flags);
// Such flags without a value.
void refuse_switches(CLI::App& command, const std::vector<std::string>& flags);
// Those by which step gets tokens of other provisioners.
void refuse_other_credentials(CLI::App& command);
// Those by which step is the CA itself, with the CA's own key.
void refuse_offline(CLI::App& command);
// A whole command; it takes whatever it is given. `instead` is the hint.
void add_refused_command(CLI::App& parent, const std::string& name, const std::string& instead);

}  // namespace everleaf::cli
