// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace everleaf {

// From now on SIGINT, SIGTERM and SIGHUP, those that end us, remove our temporaries first. For the main of a command;
// who waits for signals himself has them blocked, and removes what he made.
void remove_temporaries_when_ended();

// Before it is created, and once it is renamed, removed, or promised by an intent record: the next run needs it then.
void remember_temporary(const std::filesystem::path& temporary);
void forget_temporary(const std::filesystem::path& temporary);

}  // namespace everleaf
