// SPDX-License-Identifier: Apache-2.0
// With a real nginx: tests/system/test_adoption.py, tests/ca/test_draining.py.
#include <everleaf/process/nginx_workers.hpp>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace everleaf;

TEST_CASE("a process that ends while it is looked at is none") {
  for (int times = 0; times < 300; ++times) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    std::atomic<bool> is_gone = false;
    const std::jthread reaper([&] {
      ::waitpid(child, nullptr, 0);
      is_gone = true;
    });
    while (!is_gone) CHECK_NOTHROW(static_cast<void>(is_still_there(child, "")));
  }
}
