// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <everleaf/error/error.hpp>
#include <everleaf/secret/secret.hpp>
#include "agent/event.hpp"
#include "agent/options.hpp"
#include "agent/serve.hpp"

using namespace everleaf::agent;

namespace {

int run(const Options& options) {
  switch (options.mode) {
    case Options::Mode::serve: return serve(options, stderr_log());
    case Options::Mode::once: return once(options, stderr_log());
    case Options::Mode::check: return check(options);
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);  // whoever read our log may go away
  std::signal(SIGHUP, SIG_IGN);   // until the loop listens to it
  umask(022);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  unsetenv("SSLKEYLOGFILE");      // libcurl would write there what decrypts our connections
  everleaf::forbid_core_dumps();
  everleaf::wipe_freed_memory();
  int exit_status = 0;
  const auto options = read_options(argc, argv, exit_status);
  return options ? run(*options) : exit_status;
} catch (const everleaf::Error& error) {
  std::fprintf(stderr, "everleafd: error: %s\n", error.what());
  if (!error.hint().empty()) std::fprintf(stderr, "everleafd: hint: %s\n", error.hint().c_str());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "everleafd: error: %s\n", everleaf::escape(error.what(), 400).c_str());
  return 1;
}
