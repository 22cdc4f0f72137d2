// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/command.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono_literals;

namespace {

CommandResult run(const std::vector<std::string>& argv, const CommandLimits& limits = {}, std::stop_token stop = {}) {
  return run_command(argv, limits, std::move(stop));
}
CommandResult shell(const std::string& script, const CommandLimits& limits = {}, std::stop_token stop = {}) {
  return run({"sh", "-c", script}, limits, std::move(stop));
}

std::optional<Error> failure(const std::vector<std::string>& argv, const CommandLimits& limits = {},
                             std::stop_token stop = {}) {
  try {
    run(argv, limits, std::move(stop));
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}
std::string failure_text(const std::string& script, const CommandLimits& limits = {}) {
  const auto error = failure({"sh", "-c", script}, limits);
  REQUIRE(error);
  return error->what();
}

// Opened by us for reading and by children for writing: it is at its end once all of those are gone.
class Lifeline {
 public:
  explicit Lifeline(const std::filesystem::path& path) : path_(path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    descriptor_ = Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  // What to put into a script, so that it and its descendants hold the line.
  std::string hold() const { return "exec 9>" + path_.string() + "; echo begun >&9; "; }
  void wait_until_begun() const { CHECK(wait_for(POLLIN)); }
  bool all_gone() const {
    char buffer[64];
    while (::read(descriptor_.get(), buffer, sizeof buffer) > 0) continue;
    return wait_for(POLLHUP);
  }

 private:
  bool wait_for(short event) const {
    pollfd events{descriptor_.get(), static_cast<short>(event == POLLIN ? POLLIN : 0), 0};
    return ::poll(&events, 1, 5000) == 1 && (events.revents & event) != 0;
  }
  std::filesystem::path path_;
  Descriptor descriptor_;
};

// Runs a script that holds the line once it has done its preparations, and then stops it.
Error stop_once_begun(const Lifeline& line, const std::string& preparations, const std::string& script,
                      std::chrono::milliseconds grace) {
  std::stop_source stop;
  const std::jthread operating([&] {
    line.wait_until_begun();
    stop.request_stop();
  });
  const auto error = failure({"sh", "-c", preparations + line.hold() + script}, {.grace = grace}, stop.get_token());
  REQUIRE(error);
  return *error;
}

// We ignore SIGUSR1 and block SIGUSR2.
class HostileSignals {
 public:
  HostileSignals() : previous_(::signal(SIGUSR1, SIG_IGN)) {
    sigset_t usr2;
    ::sigemptyset(&usr2);
    ::sigaddset(&usr2, SIGUSR2);
    ::sigprocmask(SIG_BLOCK, &usr2, &before_);
  }
  HostileSignals(const HostileSignals&) = delete;
  ~HostileSignals() {
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    ::signal(SIGUSR1, previous_);
  }

 private:
  sighandler_t previous_;
  sigset_t before_;
};

}  // namespace

TEST_CASE("a command's output and errors come back apart") {
  const auto result = shell("echo out; echo err >&2");
  CHECK(result.output == "out\n");
  CHECK(result.errors == "err\n");
}

TEST_CASE("arguments reach a command as they are, without a shell") {
  CHECK(run({"printf", "%s|", "$HOME", "a b", "*", ""}).output == "$HOME|a b|*||");
}

TEST_CASE("a command reads nothing") { CHECK(run({"cat"}).output.empty()); }

TEST_CASE("a command that fails is quoted with the last two lines of its errors") {
  CHECK(failure_text("exit 3") == "sh exited with status 3");
  CHECK(failure_text("echo one >&2; echo two >&2; echo >&2; exit 1") == "sh exited with status 1: one; two");
  CHECK(failure_text("echo only stdout; exit 1") == "sh exited with status 1");
}

TEST_CASE("what a command writes to its errors cannot play with the terminal") {
  CHECK(failure_text("printf 'a\\033[2Jb\\377' >&2; exit 1") == "sh exited with status 1: a\\x1b[2Jb\\xff");
}

TEST_CASE("the last line is found behind any flood of errors") {
  const auto text = failure_text("yes | head -c 300000 >&2; echo the reason >&2; exit 1", {.output = 100});
  CHECK(text == "sh exited with status 1: y; the reason");
}

TEST_CASE("a command that dies by a signal says which") {
  CHECK(failure_text("kill -KILL $$") == "sh was killed by SIGKILL");
  CHECK(failure_text("echo oh >&2; kill -TERM $$") == "sh was killed by SIGTERM: oh");
}

TEST_CASE("a program that says no is told from one that cannot be asked") {
  CHECK(failure({"false"})->kind() == ErrorKind::rejected);
  CHECK(failure({"sh", "-c", "kill -KILL $$"})->kind() == ErrorKind::hook);
}

TEST_CASE("a program that is missing or cannot be executed is named") {
  const TemporaryDirectory directory;
  const auto plain = write(directory / "plain", "no program\n");
  const auto check = [](const std::string& program, const char* why) {
    const auto error = failure({program});
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::hook);
    CHECK(error->what() == "cannot start " + program + ": " + why);
    CHECK_FALSE(error->hint().empty());
  };
  check("/no/such/program", "No such file or directory");
  check(plain, "Permission denied");
  std::filesystem::permissions(plain, std::filesystem::perms::owner_all);
  check(plain, "Exec format error");
  check(directory.path(), "Permission denied");
  CHECK(failure({"no-such-program-anywhere"}));  // why depends on the PATH: it may name what we may not search
  CHECK(failure({})->kind() == ErrorKind::usage);
}

TEST_CASE("a command that takes too long is ended") {
  const auto error = failure({"sleep", "60"}, {.time = 50ms});
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::hook);
  CHECK(std::string(error->what()) == "sleep did not finish within 50ms");
}

TEST_CASE("a stop ends a running command and its descendants at once") {
  const TemporaryDirectory directory;
  const Lifeline line(directory / "line");
  const auto begin = std::chrono::steady_clock::now();
  const auto error = stop_once_begun(line, "", "sleep 60 & sleep 60", 30s);
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(line.all_gone());
}

TEST_CASE("a descendant that ignores SIGTERM is killed after the grace") {
  const TemporaryDirectory directory;
  const Lifeline line(directory / "line");
  const auto error = stop_once_begun(line, "trap '' TERM; ", "(while :; do sleep 60; done) & sleep 60", 50ms);
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(line.all_gone());
}

TEST_CASE("a command may use the grace to end in order") {
  const TemporaryDirectory directory;
  const Lifeline line(directory / "line");
  const auto done = directory / "done";
  stop_once_begun(line, "trap 'echo well > " + done.string() + "; exit 0' TERM; ", "while :; do :; done", 30s);
  CHECK(read(done) == "well\n");
}

TEST_CASE("after a stop nothing is started") {
  const TemporaryDirectory directory;
  std::stop_source stop;
  stop.request_stop();
  const auto error = failure({"touch", directory / "touched"}, {}, stop.get_token());
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::cancelled);
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("of a flood only the beginning is kept, and it does not outlast the time limit") {
  CHECK(shell("yes | head -c 1000000", {.output = 10}).output == "y\ny\ny\ny\ny\n");
  const auto error = failure({"yes"}, {.time = 100ms});
  REQUIRE(error);
  CHECK(std::string(error->what()) == "yes did not finish within 100ms");
}

TEST_CASE("what fits into the pipe at the end is not lost") {
  CHECK(shell("head -c 65536 /dev/zero").output.size() == 65536);
}

TEST_CASE("a descendant that keeps the output open does not delay the end, even if it floods") {
  const TemporaryDirectory directory;
  const auto number = directory / "number";
  for (const auto* descendant : {"sleep 60", "yes"}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = shell(std::string(descendant) + " & echo $! > " + number.string() + "; echo done >&2");
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    CHECK(result.errors == "done\n");
    ::kill(std::stoi(read(number)), SIGKILL);
  }
}

TEST_CASE("a command that became root, as by sudo, is waited for no longer than any other") {
  if (::geteuid() != 0) {
    MESSAGE("left out: only root can make a program that becomes root");
    return;
  }
  const TemporaryDirectory directory;
  const auto sudo = directory / "sudo";
  std::filesystem::copy("/usr/bin/setpriv", sudo);
  REQUIRE(::chmod(sudo.c_str(), 04755) == 0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0777));
  const auto number = directory / "number";
  const auto hang = "echo $$ > " + number.string() + "; exec sleep 60";
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) std::abort();
    try {
      run({sudo, "--reuid=0", "sh", "-c", hang}, {.time = 500ms, .grace = 50ms});
    } catch (const Error& error) {
      write(directory / "error", error.what());
      write(directory / "hint", error.hint());
    }
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  if (!std::filesystem::exists(number)) {  // a mount with nosuid
    MESSAGE("left out: ", read(directory / "error"));
    return;
  }
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  CHECK(read(directory / "error") == sudo.string() + " did not finish within 500ms, and cannot be ended");
  CHECK(read(directory / "hint").find("another user") != std::string::npos);
  CHECK(::kill(std::stoi(read(number)), SIGKILL) == 0);
}

TEST_CASE("a command inherits no descriptors of ours, and no ignored or blocked signals") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "file", "");
  const Descriptor without_cloexec(::open(path.c_str(), O_RDONLY));
  const auto show_signals = [] { return run({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}).output; };
  const auto as_usual = show_signals();
  const HostileSignals ignored_and_blocked;
  CHECK(run({"ls", "-l", "/proc/self/fd"}).output.find(path.string()) == std::string::npos);
  CHECK(show_signals() == as_usual);
  CHECK(as_usual.starts_with("SigBlk:\t0000000000000000\n"));
}
