// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/process/command.hpp>
#include <tests/support/temporary_directory.hpp>

namespace everleaf::testing {

// An ext4 of its own whose power can be cut: what was not synced is lost. It is in memory, and mounted where only we
// see it, so that nothing is left of it even if we are killed. False where that is not permitted, as in many
// containers.
class Ext4Disk {
 public:
  Ext4Disk() {
    std::filesystem::create_directory(path());
    if (attach()) mount();
  }
  Ext4Disk(const Ext4Disk&) = delete;
  ~Ext4Disk() { unmount(); }

  explicit operator bool() const { return mounted_; }
  std::filesystem::path path() const { return directory_ / "disk"; }

  void sync() const {
    const auto root = open();
    REQUIRE(::syncfs(root.get()) == 0);
  }
  // And on again. Nobody may have anything open there.
  void cut_power() {
    constexpr auto shut_down = _IOR('X', 125, std::uint32_t);  // EXT4_IOC_SHUTDOWN
    std::uint32_t without_flushing_its_log = 2;
    REQUIRE(::ioctl(open().get(), shut_down, &without_flushing_its_log) == 0);
    unmount();
    REQUIRE_FALSE(mounted_);
    REQUIRE(mount());
  }

 private:
  Descriptor open() const { return Descriptor(::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

  // The device goes with the last descriptor and mount of it.
  bool attach() try {
    const auto image = directory_ / "image";
    const Descriptor file(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (::ftruncate(file.get(), 4 << 20) != 0) return false;
    run_command({"mkfs.ext4", "-q", "-b", "1024", image}, {}, {});
    const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    loop_config configuration{};
    configuration.fd = static_cast<std::uint32_t>(file.get());
    configuration.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    do {  // until nobody was faster
      const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
      device_name_ = "/dev/loop" + std::to_string(number);
      device_ = Descriptor(::open(device_name_.c_str(), O_RDWR | O_CLOEXEC));
      if (number < 0 || !device_.is_open()) return false;
    } while (::ioctl(device_.get(), LOOP_CONFIGURE, &configuration) != 0 && errno == EBUSY);
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  } catch (const Error&) {  // no mkfs
    return false;
  }
  bool mount() {
    mounted_ = ::mount(device_name_.c_str(), path().c_str(), "ext4", 0, nullptr) == 0;
    return mounted_;
  }
  void unmount() {
    if (mounted_ && ::umount2(path().c_str(), 0) == 0) mounted_ = false;
  }

  TemporaryDirectory directory_{memory()};
  std::string device_name_;
  Descriptor device_;
  bool mounted_ = false;
};

}  // namespace everleaf::testing
