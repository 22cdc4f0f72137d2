// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace everleaf::cli {

// Reads the command line, runs the command that it names, and answers the exit status. Throws what the command throws.
int run_command_line(int argc, char** argv);

// The exit status of a command that threw: 1, or what this command promises.
int failure_status();

}  // namespace everleaf::cli
