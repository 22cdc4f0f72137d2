// SPDX-License-Identifier: Apache-2.0
// What root does in the place of everleafd's user: what it finds is what everleafd would, what it writes is
// everleafd's.
#pragma once

#include <sys/types.h>

#include <vector>

namespace everleaf {

// For as long as this lives we may what `user` may, with the groups of that user, in all threads. Only for root;
// nothing happens for others, and for root itself. Throws configuration for a user that there is
// not, and the system's error if we may not be that one.
class ActingAs {
 public:
  explicit ActingAs(uid_t user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  void come_back() const;

  bool acts_;
  std::vector<gid_t> groups_;
};

}  // namespace everleaf
