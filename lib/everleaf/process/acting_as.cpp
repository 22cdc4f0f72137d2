// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/acting_as.hpp>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <everleaf/error/error.hpp>

namespace everleaf {

ActingAs::ActingAs(uid_t user) : acts_(::geteuid() == 0 && user != 0) {
  if (!acts_) return;
  const auto* account = ::getpwuid(user);
  groups_.resize(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  if (account == nullptr)
    throw Error(ErrorKind::configuration, "cannot act as user " + std::to_string(user) + ": there is no such user here",
                "what is from another host has to be given to a user of this one: chown -R");
  if (::getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0 ||
      ::initgroups(account->pw_name, account->pw_gid) != 0)
    throw system_error("cannot act as user " + std::to_string(user), errno);
  if (::setegid(account->pw_gid) == 0 && ::seteuid(user) == 0) return;
  const auto failed = system_error("cannot act as user " + std::to_string(user), errno);
  come_back();
  throw failed;
}

ActingAs::~ActingAs() {
  if (acts_) come_back();
}

void ActingAs::come_back() const {
  const bool back = ::seteuid(0) == 0 && ::setegid(0) == 0 && ::setgroups(groups_.size(), groups_.data()) == 0;
  if (!back) std::abort();
}

}  // namespace everleaf
