// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/ca/renewal.hpp"

namespace everleaf::cli {

// Keeps the pair fresh until SIGTERM or SIGINT; SIGHUP does it now. Before each renewal the files are read again, and
// the hooks are run until they worked, also those that an earlier run owed. Says on stderr, a line an event, what it
// does. Throws what is wrong at the start.
int run_daemon(const RenewalOptions& options, const Renewal& renewal);

}  // namespace everleaf::cli
