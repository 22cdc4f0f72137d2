// SPDX-License-Identifier: Apache-2.0
#include <tests/support/kill_at_syscall.hpp>

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
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
bool writes_elsewhere(const std::string& name, pid_t child, std::uint64_t descriptor) {
  struct stat status {};
  const auto link = "/proc/" + std::to_string(child) + "/fd/" + std::to_string(descriptor);
  return name.starts_with("write") && ::stat(link.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

std::string name_if_it_changes_files(pid_t child, const __ptrace_syscall_info& info) {
  const auto found = calls_that_change_files().find(static_cast<long>(info.entry.nr));
  if (found == calls_that_change_files().end() || only_opens(found->second, info.entry.args) ||
      writes_elsewhere(found->second, child, info.entry.args[0]))
    return {};
  return found->second;
}

#if defined(__x86_64__)
void leave_out_call(pid_t child) {
  user_regs_struct registers;
  ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
}
void answer(pid_t child, int error) {
  user_regs_struct registers;
  ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
  registers.rax = static_cast<unsigned long long>(-error);
  ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
}
#elif defined(__aarch64__)
void leave_out_call(pid_t child) {
  int none = -1;
  iovec vector{&none, sizeof none};
  ::ptrace(PTRACE_SETREGSET, child, NT_ARM_SYSTEM_CALL, &vector);
}
void answer(pid_t child, int error) {
  user_regs_struct registers;
  iovec vector{&registers, sizeof registers};
  ::ptrace(PTRACE_GETREGSET, child, NT_PRSTATUS, &vector);
  registers.regs[0] = static_cast<unsigned long long>(-error);
  ::ptrace(PTRACE_SETREGSET, child, NT_PRSTATUS, &vector);
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

class Tracer {
 public:
  Tracer(pid_t child, const Fault& fault) : child_(child), fault_(fault) {}

  Outcome follow() {
    ::waitpid(child_, &status_, 0);
    if (::ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
      throw std::runtime_error("a child process cannot be traced");
    long signal = 0;
    while (true) {
      ::ptrace(PTRACE_SYSCALL, child_, nullptr, signal);
      ::waitpid(child_, &status_, 0);
      if (!WIFSTOPPED(status_)) return ended();
      const bool at_call = WSTOPSIG(status_) == (SIGTRAP | 0x80);
      signal = at_call ? 0 : WSTOPSIG(status_);
      if (at_call) look_at_call();
    }
  }

 private:
  void look_at_call() {
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child_, sizeof info, &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      const auto name = name_if_it_changes_files(child_, info);
      if (!name.empty()) outcome_.calls += name + " ";
      if (!name.empty() && (fault_.only.empty() || fault_.only == name) && ++calls_ == fault_.at) strike(name);
    } else if (std::exchange(owes_answer_, false)) {
      answer(child_, fault_.error);
    }
  }

  void strike(const std::string& name) {
    outcome_.call = name;
    if (fault_.error == 0) {
      ::kill(child_, SIGKILL);
    } else {
      leave_out_call(child_);
      owes_answer_ = true;
    }
  }

  Outcome ended() {
    if (WIFSIGNALED(status_))
      outcome_.end = outcome_.struck() && WTERMSIG(status_) == SIGKILL ? End::killed : End::crashed;
    else
      outcome_.end = WEXITSTATUS(status_) == 0              ? End::finished
                     : WEXITSTATUS(status_) == threw_status ? End::threw
                                                            : End::crashed;
    return outcome_;
  }

  pid_t child_;
  const Fault& fault_;
  std::size_t calls_ = 0;
  bool owes_answer_ = false;
  int status_ = 0;
  Outcome outcome_{};
};

}  // namespace

Outcome run_with_fault(const std::function<void()>& work, const Fault& fault) {
  SharedNote note;
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) be_the_child(work, note);
  auto outcome = Tracer(child, fault).follow();
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
