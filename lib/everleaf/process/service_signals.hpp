// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <everleaf/files/file.hpp>

namespace everleaf {

// The signals that a program that runs on lives by, SIGTERM, SIGINT and SIGHUP, as a descriptor for poll(2). They are
// blocked for good, in this thread and in every one that is made after this: a second SIGTERM while we end must not
// kill us.
Descriptor listen_to_service_signals();
// The next signal that `listener` has; nothing if none came.
std::optional<int> take_signal(int listener);

}  // namespace everleaf
