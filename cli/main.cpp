// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdlib>
#include <exception>

#include <everleaf/files/temporaries.hpp>
#include <everleaf/secret/secret.hpp>
#include <everleaf/x509/leave_openssl.hpp>
#include "cli/command_line.hpp"

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away must not end us between the CA and a hook
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  everleaf::remove_temporaries_when_ended();
  unsetenv("SSLKEYLOGFILE");  // libcurl would write there what decrypts our connections
  everleaf::forbid_core_dumps();
  everleaf::wipe_freed_memory();
  everleaf::leave_openssl_at_exit();
  return everleaf::cli::run_command_line(argc, argv);
} catch (const everleaf::Error& error) {
  return everleaf::cli::fail(error);
} catch (const std::exception& error) {
  return everleaf::cli::fail(everleaf::Error(everleaf::ErrorKind::storage, error.what()));
}
