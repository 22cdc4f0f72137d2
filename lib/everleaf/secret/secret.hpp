// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace everleaf {

// A key, password or token. Prints as "***"; its bytes are reached only by reveal(). They are wiped where they stood
// when the secret dies or is assigned over.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret other) noexcept;
  ~Secret();

  std::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

  friend std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string bytes_;
};

// From now on every block that operator delete frees is overwritten first. For programs, first thing in main:
// copies that libraries make of a secret are then wiped too.
void wipe_freed_memory();

// No core dump and no ptrace by the same user, so that keys do not end up in a dump (PR_SET_DUMPABLE, prctl(2)).
void forbid_core_dumps();

}  // namespace everleaf
