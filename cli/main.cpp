// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <exception>

#include <everleaf/secret/secret.hpp>
#include "cli/command_line.hpp"
#include "cli/terminal.hpp"

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away must not end us between the CA and a hook
  everleaf::forbid_core_dumps();
  everleaf::wipe_freed_memory();
  return everleaf::cli::run_command_line(argc, argv);
} catch (const everleaf::Error& error) {
  everleaf::cli::show_error(error);
  return everleaf::cli::failure_status();
} catch (const std::exception& error) {
  everleaf::cli::show_error(everleaf::Error(everleaf::ErrorKind::storage, error.what()));
  return everleaf::cli::failure_status();
}
