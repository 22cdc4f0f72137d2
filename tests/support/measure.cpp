// SPDX-License-Identifier: Apache-2.0
// Runs a program and writes "STATUS PEAK_KIB" to a descriptor, STATUS being minus the signal after one.
//
//   measure DESCRIPTOR PROGRAM [ARGUMENT...]
//
// A child's peak memory starts with that of the process it was forked from: forked by pytest it would always be
// pytest's.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int count, char** arguments) {
  if (count < 3) {
    std::fputs("usage: measure DESCRIPTOR PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  const int descriptor = std::atoi(arguments[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(descriptor);
    ::execv(arguments[2], arguments + 2);
    std::perror(arguments[2]);
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child) return 1;
  ::dprintf(descriptor, "%d %ld", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), usage.ru_maxrss);
}
