// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/temporaries.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <string_view>

namespace everleaf {
namespace {

// What a signal handler may look at: no heap, no lock.
struct Remembered {
  volatile sig_atomic_t is_there = 0;
  std::array<char, PATH_MAX> path;
};
std::array<Remembered, 16> remembered;
bool are_removed = false;

void remove_and_end(int signal) {
  if (::gettid() != ::getpid()) {  // not while the main thread goes on to rename them
    static_cast<void>(::tgkill(::getpid(), ::getpid(), signal));
    return;
  }
  for (const auto& one : remembered)
    if (one.is_there != 0) ::unlink(one.path.data());
  ::signal(signal, SIG_DFL);
  static_cast<void>(::raise(signal));  // comes when this returns
}

}  // namespace

void remove_temporaries_when_ended() {
  are_removed = true;
  struct sigaction removing {};
  removing.sa_handler = remove_and_end;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&removing.sa_mask, number);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler == SIG_DFL) ::sigaction(number, &removing, nullptr);  // not if nohup(1) said to ignore it
  }
}

void remember_temporary(const std::filesystem::path& temporary) {
  const auto free =
      std::find_if(remembered.begin(), remembered.end(), [](const auto& one) { return one.is_there == 0; });
  if (!are_removed || free == remembered.end() || temporary.native().size() >= free->path.size()) return;
  *std::copy(temporary.native().begin(), temporary.native().end(), free->path.begin()) = '\0';
  std::atomic_signal_fence(std::memory_order_release);
  free->is_there = 1;
}

void forget_temporary(const std::filesystem::path& temporary) {
  for (auto& one : remembered)
    if (one.is_there != 0 && temporary.native() == one.path.data()) one.is_there = 0;
}

}  // namespace everleaf
