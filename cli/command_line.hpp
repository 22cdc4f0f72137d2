// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <everleaf/error/error.hpp>

namespace everleaf::cli {

// Reads the command line, runs the command that it names, and answers the exit status. Throws what the command throws.
int run_command_line(int argc, char** argv);

// Says what a command threw, and answers the exit status: 1, or what this command promises.
int fail(const Error& error);

}  // namespace everleaf::cli
