// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace everleaf {

// What an error quotes of a program that fails: two lines of stderr, since stdout may be a secret; or, where it is
// none, the last kilobyte of either.
enum class Quote { last_lines, everything };

// What the program has as stdin, stdout and stderr: nothing to read and what we read; or ours, then it stays in our
// process group if that is a terminal, which it could not read otherwise.
enum class Streams { captured, ours };

enum class Failure { thrown, answered };  // an exit status other than 0

struct CommandLimits {
  std::chrono::milliseconds time{30'000};
  std::size_t output = 64 * 1024;          // bytes kept of stdout and of stderr each; the rest is read and dropped
  std::chrono::milliseconds grace{1'000};  // between SIGTERM and SIGKILL
  Quote quote = Quote::last_lines;
  Streams streams = Streams::captured;
  Failure failure = Failure::thrown;
};

struct CommandResult {
  std::string output;  // stdout
  std::string errors;  // stderr
  int status = 0;
};

// Runs `argv` (no shell; argv[0] is looked up in PATH) with stdin from /dev/null in a process group of its own, and
// waits for it; `limits` may say otherwise. Throws rejected if it exited non-zero; hook: it could not be started, ended
// by a signal, or exceeded the time (the error quotes it, escaped); cancelled when `stop` was requested. In the last
// two cases the whole group gets SIGTERM and after the grace SIGKILL. A descendant that kept the pipes open, or a
// program that became root and that we may not kill, does not delay the return. Descriptors of ours are not inherited,
// signals are at their defaults.
CommandResult run_command(const std::vector<std::string>& argv, const CommandLimits& limits, std::stop_token stop);

// For a program that may not be started: it is there, and executable for somebody else perhaps.
std::string hint_to_let_us_start_it();

}  // namespace everleaf
