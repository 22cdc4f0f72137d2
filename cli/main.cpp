// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include <everleaf/secret/secret.hpp>
#include "cli/command_line.hpp"
#include "cli/terminal.hpp"

int main(int argc, char** argv) try {
  everleaf::forbid_core_dumps();
  everleaf::wipe_freed_memory();
  return everleaf::cli::run_command_line(argc, argv);
} catch (const everleaf::Error& error) {
  everleaf::cli::show_error(error);
  return 1;
} catch (const std::exception& error) {
  everleaf::cli::show_error(everleaf::Error(everleaf::ErrorKind::storage, everleaf::escape(error.what(), 400)));
  return 1;
}
