// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/signal.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include <everleaf/error/error.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

// A process that waits for a signal; signals are at their defaults.
class Waiting {
 public:
  Waiting() : number_(::fork()) {
    if (number_ != 0) return;
    while (true) ::pause();
  }
  Waiting(const Waiting&) = delete;
  ~Waiting() {
    if (number_ > 0) wait_for_end(SIGKILL);
  }
  std::string number() const { return std::to_string(number_); }
  void become_zombie() const {
    ::kill(number_, SIGKILL);
    siginfo_t ignored;
    ::waitid(P_PID, static_cast<id_t>(number_), &ignored, WEXITED | WNOWAIT);
  }
  // The signal it died by.
  int wait_for_end(int signal = 0) {
    ::kill(number_, signal);
    int status = 0;
    ::waitpid(std::exchange(number_, -1), &status, 0);
    return WTERMSIG(status);
  }

 private:
  pid_t number_;
};

std::string failure_text(const std::filesystem::path& pid_file) {
  const auto error = failure([&] { signal_process(pid_file, SIGUSR1); });
  CHECK(error.kind() == ErrorKind::hook);
  const std::string text = error.what();
  const auto beginning = "cannot signal the process of " + pid_file.string() + ": ";
  CHECK(text.starts_with(beginning));
  return text.substr(beginning.size());
}

void make_older(const std::filesystem::path& path) {
  const timespec times[2] = {{0, UTIME_OMIT}, {::time(nullptr) - 3, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("signals have names and numbers") {
  CHECK(parse_signal("HUP") == SIGHUP);
  CHECK(parse_signal("SIGHUP") == SIGHUP);
  CHECK(parse_signal("USR2") == SIGUSR2);
  CHECK(parse_signal("1") == 1);
  for (const auto* text : {"", "SIG", "hup", "NOPE", "0", "-1", "65", "1x", " 1"})
    CHECK_MESSAGE(!parse_signal(text), text);
}

TEST_CASE("the process whose number is in the file gets the signal") {
  const TemporaryDirectory directory;
  Waiting process;
  signal_process(write(directory / "pid", process.number() + "\n"), SIGUSR1);
  CHECK(process.wait_for_end() == SIGUSR1);
}

TEST_CASE("a pid file that is missing or holds no number is an error that says so") {
  const TemporaryDirectory directory;
  CHECK(failure_text(directory / "none").ends_with("No such file or directory"));
  CHECK(failure([&] { signal_process(directory / "none", SIGHUP); }).hint().find("does it run") != std::string::npos);
  for (const auto* contents : {"", "\n", "nginx\n", "-1", "0", "12 13", "99999999999999"}) {
    const auto text = failure_text(write(directory / "pid", contents));
    CHECK_MESSAGE(text.starts_with("it holds no process number"), text);
  }
}

TEST_CASE("a process that is gone gets nothing, also if nobody has waited for it yet") {
  const TemporaryDirectory directory;
  Waiting process;
  const auto file = write(directory / "pid", process.number());
  const auto expected = "there is no process " + process.number();
  process.become_zombie();
  CHECK(failure_text(file) == expected);
  process.wait_for_end();
  CHECK(failure_text(file) == expected);
}

TEST_CASE("a process younger than the file is another one under the same number") {
  const TemporaryDirectory directory;
  Waiting process;
  const auto file = write(directory / "pid", process.number());
  make_older(file);
  CHECK(failure_text(file) == "process " + process.number() + " started after the file was written");
  signal_process(write(file, process.number()), SIGUSR1);
  CHECK(process.wait_for_end() == SIGUSR1);
}
