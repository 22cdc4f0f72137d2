// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <filesystem>
#include <string>

namespace everleaf::testing {

// mount(2) for as long as this lives. Containers and plain users may not mount: then the case says so and returns.
class Mount {
 public:
  Mount(const std::string& source, std::filesystem::path target, const char* type, const std::string& options = "",
        unsigned long flags = 0)
      : target_(std::move(target)),
        mounted_(::mount(source.c_str(), target_.c_str(), type, flags, options.c_str()) == 0) {
    if (!mounted_) MESSAGE("left out: mounting is not permitted here");
  }
  Mount(const Mount&) = delete;
  ~Mount() {
    if (mounted_) ::umount2(target_.c_str(), MNT_DETACH);
  }

  explicit operator bool() const { return mounted_; }
  void make_read_only() const { REQUIRE(::mount("", target_.c_str(), "", MS_REMOUNT | MS_RDONLY, "") == 0); }

 private:
  std::filesystem::path target_;
  bool mounted_;
};

}  // namespace everleaf::testing
