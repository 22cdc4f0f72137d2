// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <everleaf/process/command.hpp>
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

// What a unit has as its path (systemd.exec(5)); ours may be another.
constexpr auto path_of_units = {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};

bool is_startable(const std::string& program) { return ::faccessat(AT_FDCWD, program.c_str(), X_OK, AT_EACCESS) == 0; }

}  // namespace

void require_startable(const std::string& program) {
  if (program.find('/') == std::string::npos) {
    if (std::any_of(path_of_units.begin(), path_of_units.end(),
                    [&](const std::string& directory) { return is_startable(directory + program); }))
      return;
    errno = ENOENT;
  } else if (is_startable(program)) {
    return;
  }
  const bool is_denied = errno == EACCES;
  throw Error(ErrorKind::configuration, system_error("cannot start " + escape(program), errno).what(),
              is_denied ? hint_to_let_us_start_it() : "look at the path of the program");
}

}  // namespace everleaf::cli
