// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace everleaf {

// "HUP", "SIGHUP" or a number; nothing if there is no such signal.
std::optional<int> parse_signal(std::string_view text);

// The number in `pid_file`. Throws hook if there is none.
pid_t read_pid_file(const std::filesystem::path& pid_file);

// Sends `signal` to the process whose number `pid_file` holds. The file is read each time; a process that started after
// the file was written is not the one that wrote it (its number was reused) and gets nothing. Throws hook with what was
// found: no file, no number, no such process, no permission, a reused number.
void signal_process(const std::filesystem::path& pid_file, int signal);

}  // namespace everleaf
