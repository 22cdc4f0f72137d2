// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/signal.hpp>

#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <sstream>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>

namespace everleaf {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  if (text.empty() || result.ec != std::errc() || result.ptr != end || number <= 0) return std::nullopt;
  return number;
}

pid_t process_in(const std::filesystem::path& pid_file) {
  const auto contents = read_secret(pid_file);  // for its trimming
  if (const auto number = parse_number(contents.reveal())) return *number;
  throw Error(ErrorKind::hook, "it holds no process number but \"" + escape(contents.reveal(), 20) + "\"");
}

nanoseconds to_duration(const timespec& time) { return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec); }

nanoseconds clock_now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return to_duration(now);
}

Error no_process(int number) {
  return Error(ErrorKind::hook, "there is no process " + std::to_string(number), "is the service running?");
}

// How long after the start of the system it was started (proc(5), field 22). The name, field 2, may contain anything.
nanoseconds start_time_of(int number) {
  std::string text;
  try {
    text = read_file("/proc/" + std::to_string(number) + "/stat");
  } catch (const Error& error) {
    throw error.with_hint("in a systemd unit, ProtectProc= must let us see the processes of others");
  }
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string state, ignored;
  long long ticks = 0;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> ignored;
  if (!(fields >> ticks)) throw no_process(number);
  if (state == "Z" || state == "X") throw no_process(number);
  return nanoseconds(1s) / ::sysconf(_SC_CLK_TCK) * ticks;
}

bool is_forgotten_at_boot(const std::filesystem::path& path) {
  struct statfs system {};
  return ::statfs(path.c_str(), &system) == 0 && system.f_type == TMPFS_MAGIC;
}

// A number that was reused belongs to a process younger than the file. Files know the wall clock, processes the time
// since the start of the system, so this is true for as long as nobody sets the clock forward. If the file seems older
// than the system although it could not have survived a start, somebody did, and then nothing follows.
bool is_younger_than(nanoseconds start, const std::filesystem::path& pid_file) {
  constexpr auto slack = 1s;  // ticks and file times are coarse
  struct stat status {};
  if (::stat(pid_file.c_str(), &status) != 0) throw system_error("cannot look at " + pid_file.string(), errno);
  const auto written = to_duration(status.st_mtim);
  const auto boot = clock_now(CLOCK_REALTIME) - clock_now(CLOCK_BOOTTIME);
  if (written < boot && is_forgotten_at_boot(pid_file)) return false;
  return boot + start > written + slack;
}

void send(const std::filesystem::path& pid_file, int signal) {
  const int number = process_in(pid_file);
  // Held from here on: what is looked at below is what gets the signal.
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, number, 0)));
  if (!process.is_open()) throw no_process(number);
  if (is_younger_than(start_time_of(number), pid_file))
    throw Error(ErrorKind::hook, "process " + std::to_string(number) + " started after the file was written",
                "the service died without removing it, or the clock was set since: restart the service");
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0) return;
  if (errno == ESRCH) throw no_process(number);
  throw system_error("process " + std::to_string(number) + " cannot be signalled", errno);
}

Error no_signal(const std::filesystem::path& pid_file, const Error& error) {
  const bool is_there = error.kind() != ErrorKind::missing;
  return Error(ErrorKind::hook, "cannot signal the process of " + pid_file.string() + ": " + error.what(),
               is_there ? error.hint() : "the service writes it when it starts: does it run, and is this its file?");
}

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_number(text)) return *number <= SIGRTMAX ? number : std::nullopt;
  if (text.starts_with("SIG")) text.remove_prefix(3);
  for (int signal = 1; signal < SIGRTMIN; ++signal)
    if (const char* name = ::sigabbrev_np(signal); name != nullptr && name == text) return signal;
  return std::nullopt;
}

pid_t read_pid_file(const std::filesystem::path& pid_file) try {
  return process_in(pid_file);
} catch (const Error& error) {
  throw no_signal(pid_file, error);
}

void signal_process(const std::filesystem::path& pid_file, int signal) try {
  send(pid_file, signal);
} catch (const Error& error) {
  throw no_signal(pid_file, error);
}

}  // namespace everleaf
