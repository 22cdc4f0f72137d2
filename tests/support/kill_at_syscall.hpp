// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace everleaf::testing {

// Instead of an error: a write takes only half of what it was given. Only writes are counted.
inline constexpr int half_a_write = -1;
// Instead of an error: the call is made, and SIGTERM comes with it.
inline constexpr int terminated = -2;

// What is to go wrong: the `at`-th system call (from 1) that changes files is not made. The process is killed there,
// with its children, or, with an `error`, the call answers that.
struct Fault {
  std::size_t at;
  int error = 0;
  std::string only = {};  // count calls of this name only: "renameat2"
};

enum class End {
  finished,  // the work returned
  threw,     // an everleaf::Error
  killed,    // by the fault
  crashed,   // anything else
};

struct Outcome {
  std::string call;  // where the fault struck; empty: the work ended before it came to that
  End end;
  std::string error;  // of an Error: what() and hint()
  std::string hint;
  std::string calls;  // all that were counted, in their order and with the one the fault struck: "openat fsync rename "
  int status;         // as waitpid(2) has it

  bool struck() const { return !call.empty(); }
};

// Runs `work` in a forked child under ptrace(2), with the fault. Counted are the calls that create, write, truncate,
// sync, rename, remove or change the mode of a file or directory, but not writing to pipes and terminals; those of its
// threads and children, too. Returns when the child and all of these have ended. What `work` changes in memory is lost.
// With `at` 0 nothing goes wrong. SIGTERM is passed on to the child. Throws std::runtime_error if the process may not
// be traced.
Outcome run_with_fault(const std::function<void()>& work, const Fault& fault);

// With the same fault at the first call, at the second and so on, until the work ends before the fault strikes:
// `prepare`, `work` with the fault, `check` of what it left. Returns how many calls there were.
std::size_t at_every_file_change(int error, const std::function<void()>& prepare, const std::function<void()>& work,
                                 const std::function<void(const Outcome&)>& check);

}  // namespace everleaf::testing
