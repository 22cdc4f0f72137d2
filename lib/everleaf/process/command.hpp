// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace everleaf {

struct CommandLimits {
  std::chrono::milliseconds time{30'000};
  std::size_t output = 64 * 1024;          // bytes kept of stdout and of stderr each; the rest is read and dropped
  std::chrono::milliseconds grace{1'000};  // between SIGTERM and SIGKILL
};

struct CommandResult {
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Runs `argv` (no shell; argv[0] is looked up in PATH) with stdin from /dev/null in a process group of its own, and
// waits for it. Throws hook: it could not be started, exited non-zero or by a signal (the error quotes the last line it
// wrote to stderr, escaped), or exceeded the time; cancelled when `stop` was requested. In the last two cases the whole
// group gets SIGTERM and after the grace SIGKILL. A descendant that kept the pipes open does not delay the
// return. Descriptors of ours are not inherited, signals are at their defaults.
CommandResult run_command(const std::vector<std::string>& argv, const CommandLimits& limits, std::stop_token stop);

}  // namespace everleaf
