// SPDX-License-Identifier: Apache-2.0
#include <tests/support/kill_at_syscall.hpp>

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <everleaf/error/error.hpp>

namespace everleaf::testing {
namespace {

// Older architectures have calls that newer ones left out.
const std::map<long, std::string>& calls_that_change_files() {
  static const std::map<long, std::string> names{
#ifdef SYS_open
      {SYS_open, "open"},           {SYS_creat, "creat"},         {SYS_rename, "rename"},
      {SYS_unlink, "unlink"},       {SYS_rmdir, "rmdir"},         {SYS_mkdir, "mkdir"},
      {SYS_chmod, "chmod"},         {SYS_link, "link"},           {SYS_symlink, "symlink"},
#endif
#ifdef SYS_renameat
      {SYS_renameat, "renameat"},
#endif
      {SYS_openat, "openat"},       {SYS_write, "write"},         {SYS_pwrite64, "pwrite64"},
      {SYS_writev, "writev"},       {SYS_fsync, "fsync"},         {SYS_fdatasync, "fdatasync"},
      {SYS_truncate, "truncate"},   {SYS_ftruncate, "ftruncate"}, {SYS_fallocate, "fallocate"},
      {SYS_renameat2, "renameat2"}, {SYS_unlinkat, "unlinkat"},   {SYS_mkdirat, "mkdirat"},
      {SYS_fchmod, "fchmod"},       {SYS_fchmodat, "fchmodat"},   {SYS_linkat, "linkat"},
      {SYS_symlinkat, "symlinkat"}, {SYS_fchown, "fchown"},       {SYS_fchownat, "fchownat"},
      {SYS_setxattr, "setxattr"},   {SYS_fsetxattr, "fsetxattr"}, {SYS_syncfs, "syncfs"},
  };
  return names;
}

bool only_opens(const std::string& name, const std::uint64_t (&arguments)[6]) {
  return (name == "openat" && (arguments[2] & O_CREAT) == 0) || (name == "open" && (arguments[1] & O_CREAT) == 0);
}

// Sanitizers write into pipes to find out whether an address is good.
bool writes_elsewhere(const std::string& name, pid_t task, std::uint64_t descriptor) {
  struct stat status {};
  const auto link = "/proc/" + std::to_string(task) + "/fd/" + std::to_string(descriptor);
  return name.starts_with("write") && ::stat(link.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

std::string name_if_it_changes_files(pid_t task, const __ptrace_syscall_info& info) {
  const auto found = calls_that_change_files().find(static_cast<long>(info.entry.nr));
  if (found == calls_that_change_files().end() || only_opens(found->second, info.entry.args) ||
      writes_elsewhere(found->second, task, info.entry.args[0]))
    return {};
  return found->second;
}

#if defined(__x86_64__)
template <typename Change>
void change_registers(pid_t task, Change change) {
  user_regs_struct registers;
  ::ptrace(PTRACE_GETREGS, task, nullptr, &registers);
  change(registers);
  ::ptrace(PTRACE_SETREGS, task, nullptr, &registers);
}
void leave_out_call(pid_t task) {
  change_registers(task, [](auto& registers) { registers.orig_rax = static_cast<unsigned long long>(-1); });
}
void answer(pid_t task, int error) {
  change_registers(task, [&](auto& registers) { registers.rax = static_cast<unsigned long long>(-error); });
}
void give_half(pid_t task) {
  change_registers(task, [](auto& registers) { registers.rdx = (registers.rdx + 1) / 2; });
}
#elif defined(__aarch64__)
template <typename Change>
void change_registers(pid_t task, Change change) {
  user_regs_struct registers;
  iovec vector{&registers, sizeof registers};
  ::ptrace(PTRACE_GETREGSET, task, NT_PRSTATUS, &vector);
  change(registers);
  ::ptrace(PTRACE_SETREGSET, task, NT_PRSTATUS, &vector);
}
void leave_out_call(pid_t task) {
  int none = -1;
  iovec vector{&none, sizeof none};
  ::ptrace(PTRACE_SETREGSET, task, NT_ARM_SYSTEM_CALL, &vector);
}
void answer(pid_t task, int error) {
  change_registers(task, [&](auto& registers) { registers.regs[0] = static_cast<unsigned long long>(-error); });
}
void give_half(pid_t task) {
  change_registers(task, [](auto& registers) { registers.regs[2] = (registers.regs[2] + 1) / 2; });
}
#else
#error "how a system call is left out is not known for this architecture"
#endif

// Memory that the child shares with us: a pipe would add calls to those that are counted.
struct Note {
  char error[2048];
  char hint[2048];
};
class SharedNote {
 public:
  SharedNote()
      : note_(static_cast<Note*>(
            ::mmap(nullptr, sizeof(Note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (note_ == MAP_FAILED) throw std::runtime_error("no shared memory");
  }
  SharedNote(const SharedNote&) = delete;
  ~SharedNote() { ::munmap(note_, sizeof(Note)); }
  void write(const Error& error) {
    ::strncpy(note_->error, error.what(), sizeof note_->error - 1);
    ::strncpy(note_->hint, error.hint().c_str(), sizeof note_->hint - 1);
  }
  const Note& read() const { return *note_; }

 private:
  Note* note_;
};

constexpr int threw_status = 77;

[[noreturn]] void be_the_child(const std::function<void()>& work, SharedNote& note) {
  std::signal(SIGTERM, SIG_DFL);
  ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::raise(SIGSTOP);
  try {
    work();
  } catch (const Error& error) {
    note.write(error);
    ::_exit(threw_status);
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

pid_t child_to_end = 0;
void pass_on(int signal) { ::kill(child_to_end, signal); }

// Of the child, its threads, and their children.
class Tracer {
 public:
  Tracer(pid_t child, const Fault& fault) : child_(child), fault_(fault), tasks_{child} {}

  Outcome follow() {
    ::waitpid(child_, &outcome_.status, 0);
    constexpr int options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
    if (::ptrace(PTRACE_SETOPTIONS, child_, nullptr, options) != 0)
      throw std::runtime_error("a child process cannot be traced");
    go_on(child_, 0);
    int status = 0;
    while (const pid_t task = wait_for_any(status)) {
      if (WIFSTOPPED(status))
        look_at_stop(task, status);
      else if (tasks_.erase(task); task == child_)
        outcome_.status = status;
    }
    return ended();
  }

 private:
  static pid_t wait_for_any(int& status) {
    pid_t task = -1;
    do task = ::waitpid(-1, &status, __WALL);
    while (task < 0 && errno == EINTR);
    return std::max(task, 0);
  }

  static void go_on(pid_t task, int signal) { ::ptrace(PTRACE_SYSCALL, task, nullptr, signal); }

  void look_at_stop(pid_t task, int status) {
    const int signal = WSTOPSIG(status);
    const bool known = !tasks_.insert(task).second;
    if (killed_) {
      ::kill(task, SIGKILL);
    } else if (signal == (SIGTRAP | 0x80)) {
      look_at_call(task);
    } else if (status >> 16 == 0 && (known || signal != SIGSTOP)) {  // neither an event nor the first stop of a new one
      return go_on(task, signal);
    }
    go_on(task, 0);
  }

  void look_at_call(pid_t task) {
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      const auto name = name_if_it_changes_files(task, info);
      if (name.empty()) return;
      outcome_.calls += name + " ";
      if (is_meant(name) && ++calls_ == fault_.at) strike(task, name);
    } else if (task == owes_answer_) {
      answer(task, fault_.error);
      owes_answer_ = 0;
    }
  }

  bool is_meant(const std::string& name) const {
    if (fault_.error == half_a_write) return name == "write" || name == "pwrite64";
    return fault_.only.empty() || fault_.only == name;
  }

  void strike(pid_t task, const std::string& name) {
    outcome_.call = name;
    if (fault_.error == half_a_write) return give_half(task);
    if (fault_.error == terminated) return static_cast<void>(::kill(child_, SIGTERM));
    if (fault_.error != 0) {
      leave_out_call(task);
      owes_answer_ = task;
      return;
    }
    killed_ = true;
    for (const pid_t one : tasks_) ::kill(one, SIGKILL);
  }

  Outcome ended() {
    const int status = outcome_.status;
    if (WIFSIGNALED(status))
      outcome_.end = killed_ && WTERMSIG(status) == SIGKILL ? End::killed : End::crashed;
    else
      outcome_.end = WEXITSTATUS(status) == 0              ? End::finished
                     : WEXITSTATUS(status) == threw_status ? End::threw
                                                           : End::crashed;
    return outcome_;
  }

  pid_t child_;
  const Fault& fault_;
  std::set<pid_t> tasks_;
  std::size_t calls_ = 0;
  pid_t owes_answer_ = 0;
  bool killed_ = false;
  Outcome outcome_{};
};

}  // namespace

Outcome run_with_fault(const std::function<void()>& work, const Fault& fault) {
  SharedNote note;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) be_the_child(work, note);
  child_to_end = child;
  const auto before = std::signal(SIGTERM, pass_on);
  auto outcome = Tracer(child, fault).follow();
  std::signal(SIGTERM, before);
  outcome.error = note.read().error;
  outcome.hint = note.read().hint;
  return outcome;
}

std::size_t at_every_file_change(int error, const std::function<void()>& prepare, const std::function<void()>& work,
                                 const std::function<void(const Outcome&)>& check) {
  for (std::size_t at = 1;; ++at) {
    prepare();
    const auto outcome = run_with_fault(work, {.at = at, .error = error});
    check(outcome);
    if (!outcome.struck()) return at - 1;
  }
}

}  // namespace everleaf::testing
