// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/command.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/process/stop_event.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

std::string hint_for(int error_number) {
  switch (error_number) {
    case ENOENT: return "look at the path of the program, and if it is a script at its first line";
    case EACCES: return hint_to_let_us_start_it();
    case ENOEXEC: return "a script starts with the line #!/bin/sh";
    default: return {};
  }
}

Error start_error(const std::string& program, int error_number) {
  return Error(ErrorKind::hook, system_error("cannot start " + escape(program), error_number).what(),
               hint_for(error_number));
}

struct Pipe {
  explicit Pipe(const std::string& program) {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw start_error(program, errno);
    reading = Descriptor(ends[0]);
    writing = Descriptor(ends[1]);
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  }
  Descriptor reading;
  Descriptor writing;
};

// What the child is to find: /dev/null and our two pipes, or our streams, and nothing else open; no signal ignored or
// blocked; and a process group of its own. posix_spawn does it between vfork and exec without touching our locks, and
// answers exec's failure.
class SpawnSettings {
 public:
  SpawnSettings(Streams streams, int output, int errors) {
    ::posix_spawn_file_actions_init(&actions_);
    if (streams == Streams::captured) {
      ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
      ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
      ::posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_init(&attributes_);
    const bool in_our_group = streams == Streams::ours && ::isatty(STDIN_FILENO) == 1;
    const int group = in_our_group ? 0 : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(&attributes_,
                               static_cast<short>(group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  pid_t spawn(const std::vector<std::string>& argv) const {
    std::vector<char*> arguments;
    for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_t child = -1;
    const int failure = ::posix_spawnp(&child, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    if (failure != 0) throw start_error(argv[0], failure);
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// A child that leads a process group. Until it is reaped its number, and so its group's, cannot be reused.
class Child {
 public:
  Child(const std::vector<std::string>& argv, Streams streams, int output, int errors)
      : number_(SpawnSettings(streams, output, errors).spawn(argv)) {
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, number_, 0)));
    if (pidfd_.is_open()) return;
    const int failure = errno;
    abandon();
    throw start_error(argv[0], failure);
  }
  Child(const Child&) = delete;
  ~Child() {
    if (number_ > 0) abandon();
  }

  int pidfd() const { return pidfd_.get(); }
  // Also the child itself, should it have left its group.
  void signal_group(int signal) const {
    ::kill(-number_, signal);
    if (pidfd_.is_open()) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
  }
  siginfo_t reap() {
    siginfo_t end{};
    while (::waitid(P_PID, static_cast<id_t>(number_), &end, WEXITED) != 0 && errno == EINTR) continue;
    number_ = -1;
    return end;
  }
  // It became somebody else, or waits for a disk that hangs: nobody waits for it any more, us included.
  void leave_behind() { number_ = -1; }

 private:
  void abandon() {
    signal_group(SIGKILL);
    reap();
  }
  pid_t number_;
  Descriptor pidfd_;
};

// What came out of a pipe: its beginning up to a limit, and its last line.
class Capture {
 public:
  Capture(Descriptor pipe, std::size_t limit) : pipe_(std::move(pipe)), limit_(limit) {}

  int descriptor() const { return pipe_.get(); }
  bool is_open() const { return pipe_.is_open(); }

  // What one read gives; false if there was nothing.
  bool read_some() {
    std::array<char, 16 * 1024> buffer;
    const auto count = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (count > 0) keep({buffer.data(), static_cast<std::size_t>(count)});
    if (count == 0) pipe_ = Descriptor();
    return count > 0;
  }
  // What the pipe holds now, at most four times its size: a descendant may be filling it for ever.
  void drain() {
    const int size = ::fcntl(pipe_.get(), F_GETPIPE_SZ);
    for (int taken = 0; taken < size && read_some();) taken += 4096;
  }

  std::string take_beginning() { return std::move(beginning_); }
  // Two, since programs like ours say what happened and then what to do.
  std::string last_lines() const {
    auto text = end_.substr(0, end_.find_last_not_of(" \t\r\n") + 1);
    const auto last = text.find_last_of('\n');
    if (last == std::string::npos) return text;
    text.replace(last, 1, "; ");
    return text.substr(last == 0 ? 0 : text.find_last_of('\n', last - 1) + 1);
  }
  std::string end() const {
    std::string text;
    std::istringstream lines(end_);
    for (std::string line; std::getline(lines, line);)
      if (!line.empty()) text += (text.empty() ? "" : "; ") + line;
    return text;
  }

 private:
  void keep(std::string_view bytes) {
    beginning_ += bytes.substr(0, limit_ - beginning_.size());
    end_ += bytes.substr(bytes.size() - std::min(bytes.size(), end_size));
    if (end_.size() > end_size) end_.erase(0, end_.size() - end_size);
  }

  static constexpr std::size_t end_size = 1024;
  Descriptor pipe_;
  std::size_t limit_;
  std::string beginning_;
  std::string end_;
};

enum class Ending { exited, out_of_time, stopped };

constexpr std::chrono::milliseconds time_to_die{500};  // after SIGKILL

class Run {
 public:
  Run(const std::vector<std::string>& argv, const CommandLimits& limits)
      : Run(argv, limits, Pipe(argv[0]), Pipe(argv[0])) {}

  Ending wait(const StopEvent& stop, std::chrono::milliseconds limit) {
    const auto end = Clock::now() + limit;
    while (true) {
      const bool stopped = look(stop.descriptor(), end);
      if (exited_) return Ending::exited;
      if (stopped) return Ending::stopped;
      if (Clock::now() >= end) return Ending::out_of_time;
    }
  }

  // SIGTERM, and SIGKILL once the group is gone as far as we can see, at the latest after `allowed`. Whether that ended
  // it.
  bool end_group(std::chrono::milliseconds allowed) {
    child_.signal_group(SIGTERM);
    const auto end = Clock::now() + allowed;
    while ((!exited_ || output_.is_open() || errors_.is_open()) && Clock::now() < end) look(-1, end);
    child_.signal_group(SIGKILL);
    const auto killed = Clock::now() + time_to_die;
    while (!exited_ && Clock::now() < killed) look(-1, killed);
    if (!exited_) child_.leave_behind();
    return exited_;
  }

  siginfo_t reap() {
    const auto end = child_.reap();
    output_.drain();
    errors_.drain();
    return end;
  }
  CommandResult take_result(int status) { return {output_.take_beginning(), errors_.take_beginning(), status}; }
  std::string last_words(Quote quote) const {
    if (quote == Quote::last_lines) return escape(errors_.last_lines(), 400);
    const auto errors = errors_.end();
    return escape(errors.empty() ? output_.end() : errors, 1000);
  }

 private:
  Run(const std::vector<std::string>& argv, const CommandLimits& limits, Pipe output, Pipe errors)
      : child_(argv, limits.streams, output.writing.get(), errors.writing.get()),
        output_(std::move(output.reading), limits.output),
        errors_(std::move(errors.reading), limits.output) {}

  // Waits for something to happen until `end`, and reads what has come. Whether `event` is readable.
  bool look(int event, Clock::time_point end) {
    std::array<pollfd, 4> events{{{exited_ ? -1 : child_.pidfd(), POLLIN, 0},
                                  {output_.descriptor(), POLLIN, 0},
                                  {errors_.descriptor(), POLLIN, 0},
                                  {event, POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    ::poll(events.data(), events.size(), static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000)));
    if (events[0].revents != 0) exited_ = true;
    if (events[1].revents != 0) output_.read_some();
    if (events[2].revents != 0) errors_.read_some();
    return events[3].revents != 0;
  }

  Child child_;
  Capture output_;
  Capture errors_;
  bool exited_ = false;
};

std::string in_words(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? format_duration(time) : std::to_string(time.count()) + "ms";
}

std::string how_it_ended(const siginfo_t& end) {
  if (end.si_code == CLD_EXITED) return " exited with status " + std::to_string(end.si_status);
  const char* name = ::sigabbrev_np(end.si_status);
  return " was killed by " + (name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(end.si_status));
}

void check_success(const siginfo_t& end, Failure failure, const std::string& program, const std::string& last_words) {
  if (end.si_code == CLD_EXITED && (end.si_status == 0 || failure == Failure::answered)) return;
  const auto kind = end.si_code == CLD_EXITED ? ErrorKind::rejected : ErrorKind::hook;
  throw Error(kind, escape(program) + how_it_ended(end) + (last_words.empty() ? "" : ": " + last_words));
}

}  // namespace

std::string hint_to_let_us_start_it() {
  return "user " + name_of_user(::geteuid()) +
         " has to be able to execute it, and to enter its directories: chmod a+rx";
}

CommandResult run_command(const std::vector<std::string>& argv, const CommandLimits& limits, std::stop_token stop) {
  if (argv.empty() || argv[0].empty()) throw Error(ErrorKind::usage, "there is no program to run in an empty command");
  const auto stopped = Error(ErrorKind::cancelled, "stopped before " + escape(argv[0]) + " had finished");
  if (stop.stop_requested()) throw stopped;
  const StopEvent stop_event(std::move(stop));
  Run run(argv, limits);
  const auto ending = run.wait(stop_event, limits.time);
  const bool ended = ending == Ending::exited || run.end_group(limits.grace);
  if (ending == Ending::stopped && !ended) throw stopped;
  if (!ended)
    throw Error(ErrorKind::hook,
                escape(argv[0]) + " did not finish within " + in_words(limits.time) + ", and cannot be ended",
                "it runs on, as another user perhaps: see to it that it ends by itself");
  const auto end = run.reap();
  switch (ending) {
    case Ending::exited: check_success(end, limits.failure, argv[0], run.last_words(limits.quote)); break;
    case Ending::stopped: throw stopped;
    case Ending::out_of_time:
      throw Error(ErrorKind::hook, escape(argv[0]) + " did not finish within " + in_words(limits.time),
                  "it was ended; it runs without a terminal and with nothing to read");
  }
  return run.take_result(end.si_status);
}

}  // namespace everleaf
