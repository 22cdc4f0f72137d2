// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <stop_token>
#include <string>

namespace everleaf {

// What systemd is asked for over D-Bus, both for a reload. They throw hook if it cannot be asked or has not answered
// after `limit`, and cancelled when `stop` is requested.

// The main process of a service; 0 if it does not run. Throws hook if there is no such unit.
pid_t main_process(const std::string& unit, std::chrono::milliseconds limit, std::stop_token stop);

enum class UnitReload { done, not_running };

// Reloads `unit` and waits for the end of the job: what its ExecReload does has been done then, and no more. Throws
// rejected with a hint if that failed, hook if we may not (polkit).
UnitReload reload_unit(const std::string& unit, std::chrono::milliseconds limit, std::stop_token stop);

}  // namespace everleaf
