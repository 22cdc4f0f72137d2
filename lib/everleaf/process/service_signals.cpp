// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/service_signals.hpp>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include <everleaf/error/error.hpp>

namespace everleaf {

Descriptor listen_to_service_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGHUP, SIG_DFL);  // one that is ignored is not queued
  Descriptor listener(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!listener.is_open()) throw system_error("cannot listen to signals", errno);
  return listener;
}

std::optional<int> take_signal(int listener) {
  signalfd_siginfo signal{};
  if (::read(listener, &signal, sizeof signal) != sizeof signal) return std::nullopt;
  return static_cast<int>(signal.ssi_signo);
}

}  // namespace everleaf
