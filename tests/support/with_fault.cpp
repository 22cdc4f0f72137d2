// SPDX-License-Identifier: Apache-2.0
// Runs a program with a fault at one of its system calls that change files: see kill_at_syscall.hpp.
//
//   with_fault REPORT AT ERROR PROGRAM [ARGUMENT...]
//
// REPORT is a file for two lines: where the fault struck (empty if nowhere), and all calls in their order. AT counts
// from 1. ERROR is a number of errno, 0 for a kill, -1 for half a write, -2 for SIGTERM. Ends as the program did.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <tests/support/kill_at_syscall.hpp>

using namespace everleaf::testing;

int main(int count, char** arguments) {
  std::signal(SIGTERM, SIG_IGN);  // passed on while there is somebody; after that the report is still to be written
  if (count < 5) {
    std::fputs("usage: with_fault REPORT AT ERROR PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  const auto program = [&] {
    ::execv(arguments[4], arguments + 4);
    std::perror(arguments[4]);
    ::_exit(127);
  };
  const auto outcome =
      run_with_fault(program, {.at = std::strtoul(arguments[2], nullptr, 10), .error = std::atoi(arguments[3])});
  std::ofstream(arguments[1]) << outcome.call << "\n" << outcome.calls << "\n";
  if (!WIFSIGNALED(outcome.status)) return WEXITSTATUS(outcome.status);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  std::signal(SIGTERM, SIG_DFL);
  ::raise(WTERMSIG(outcome.status));
}
