// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/system_calls.hpp>

#include <dirent.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace everleaf {
namespace {

constexpr off_t reserved = 64 * 1024;

std::string hint_for(const std::filesystem::path& path, int error_number) {
  const auto directory = directory_of(path).string();
  switch (error_number) {
    case ENOSPC: return "the disk that holds " + directory + " is full: free some space or inodes";
    case EDQUOT: return "the disk quota for " + directory + " is used up";
    case EROFS: return directory + " is read-only: remount it, or in a systemd unit add it to ReadWritePaths=";
    case EACCES:
    case EPERM: return "look at who owns " + directory + " and what is in it, and run as that user or as root";
    case EBUSY: return path.string() + " is a mount point: mount the directory it is in instead";
    default: return {};
  }
}

void fill_with_zeros(int file, const std::filesystem::path& path) {
  write_from_start(file, std::string(static_cast<std::size_t>(reserved), '\0'), path);
}

}  // namespace

Error file_error(std::string_view verb, const std::filesystem::path& path, int error_number) {
  const auto doing = "cannot " + std::string(verb) + " " + path.string();
  if (error_number == ELOOP) return Error(ErrorKind::storage, doing + ": it is a symbolic link");
  return system_error(doing, error_number).with_hint(hint_for(path, error_number));
}

Descriptor open_at(int directory, const std::string& name, int flags, mode_t mode) {
  return Descriptor(uninterrupted([&] { return ::openat(directory, name.c_str(), flags | O_CLOEXEC, mode); }));
}

Descriptor open_directory(const std::filesystem::path& path) {
  auto directory = open_path(path, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open()) throw file_error("open", path, errno);
  return directory;
}

Descriptor create_at(int directory, const std::string& name, mode_t mode, const std::filesystem::path& path) {
  auto file = open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 0600);
  if (!file.is_open() && errno != EEXIST) throw file_error("create", path, errno);
  return file;
}

void set_mode(int file, mode_t mode, const std::filesystem::path& path) {
  if (uninterrupted([&] { return ::fchmod(file, mode); }) != 0) throw file_error("set the mode of", path, errno);
}

void write_from_start(int file, std::string_view contents, const std::filesystem::path& path) {
  off_t written = 0;
  for (auto rest = contents; !rest.empty();) {
    const auto count = uninterrupted([&] { return ::pwrite(file, rest.data(), rest.size(), written); });
    if (count < 0) throw file_error("write", path, errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
    written += count;
  }
  if (uninterrupted([&] { return ::ftruncate(file, written); }) != 0) throw file_error("write", path, errno);
}

void sync(int file, const std::filesystem::path& path) {
  if (uninterrupted([&] { return ::fsync(file); }) != 0) throw file_error("sync", path, errno);
}

std::string read_regular(int file, std::size_t limit, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file, &status) != 0) throw file_error("read", path, errno);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorKind::storage, "cannot read " + path.string() + ": not a regular file");
  return read_to_end(file, limit, path);
}

std::string read_to_end(int file, std::size_t limit, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file, &status) != 0) throw file_error("read", path, errno);
  const auto refuse_larger = [&](std::uintmax_t size) {
    if (size > limit)
      throw Error(ErrorKind::storage,
                  "cannot read " + path.string() + ": larger than " + std::to_string(limit) + " bytes");
  };
  refuse_larger(static_cast<std::uintmax_t>(status.st_size));
  // Room for all of it and a byte: a secret that grows in steps would leave copies of itself behind.
  std::string contents(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t size = 0;
  while (true) {
    const auto count = uninterrupted([&] { return ::read(file, contents.data() + size, contents.size() - size); });
    if (count < 0) throw file_error("read", path, errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    refuse_larger(size);
    if (size == contents.size()) contents.resize(size + 4096);
  }
  contents.resize(size);
  return contents;
}

void reserve(int file, const std::filesystem::path& path) {
  int failure = EINTR;
  while (failure == EINTR) failure = ::posix_fallocate(file, 0, reserved);
  if (failure == EOPNOTSUPP || failure == EINVAL) return fill_with_zeros(file, path);
  if (failure != 0) throw file_error("write", path, failure);
}

std::vector<std::string> names_in(const std::filesystem::path& path) {
  const auto directory = open_path(path, O_RDONLY | O_DIRECTORY);
  if (directory.is_open()) return names_in(directory.get(), path);
  if (errno == ENOENT) return {};
  throw file_error("list", path, errno);
}

std::vector<std::string> names_in(int directory, const std::filesystem::path& path) {
  auto own = open_at(directory, ".", O_RDONLY | O_DIRECTORY);  // with a position of its own
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(own.is_open() ? ::fdopendir(own.get()) : nullptr, ::closedir);
  if (!stream) throw file_error("list", path, errno);
  own.release();
  std::vector<std::string> names;
  errno = 0;
  while (const auto* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw file_error("list", path, errno);
  return names;
}

std::string random_suffix() {
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<unsigned char, 8> bytes;
  if (uninterrupted([&] { return ::getrandom(bytes.data(), bytes.size(), 0); }) != std::ssize(bytes))
    throw system_error("cannot get random bytes", errno);
  std::string suffix;
  for (const auto byte : bytes) suffix += letters[byte % letters.size()];
  return suffix;
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

bool is_mount_point(const std::filesystem::path& path) {
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace everleaf
