// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/event.hpp"
#include "agent/options.hpp"

namespace everleaf::agent {

// Runs until SIGTERM or SIGINT. Throws if it cannot begin: a wrong configuration, a state directory in use.
int serve(const Options& options, const Log& log);

// Does all that is due, one thing after the other, reloads what has to be, and answers 0 if everything is well.
int once(const Options& options, const Log& log);

// Prints every problem of the configuration; 0 if there is none.
int check(const Options& options);

}  // namespace everleaf::agent
