// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/atomic_file.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <everleaf/files/intent_record.hpp>
#include <everleaf/files/system_calls.hpp>
#include <everleaf/files/temporaries.hpp>

namespace everleaf {
namespace {

// In a directory like /tmp only the owner of a file, or of the directory, may replace it.
bool is_protected_by_sticky_bit(const std::filesystem::path& target, const struct stat& directory) {
  struct stat current {};
  const auto self = ::geteuid();
  return (directory.st_mode & S_ISVTX) != 0 && ::lstat(target.c_str(), &current) == 0 && self != 0 &&
         current.st_uid != self && directory.st_uid != self;
}

// What would make the rename fail, or replace what nobody meant (/dev/null), is found before anybody is asked anything.
void check_replaceable(const std::filesystem::path& target) {
  const auto directory = directory_of(target);
  struct stat around {};
  if (::stat(directory.c_str(), &around) != 0) {
    const auto error = file_error("create", target, errno);
    throw error.kind() == ErrorKind::missing ? error.with_hint("make the directory " + directory.string() + " first")
                                             : error;
  }
  struct stat current {};
  if (!target.has_filename() || (::stat(target.c_str(), &current) == 0 && !S_ISREG(current.st_mode)))
    throw Error(ErrorKind::conflict, "cannot replace " + target.string() + ": it is not a regular file");
  if (is_mount_point(target)) throw file_error("replace", target, EBUSY);
  if (is_protected_by_sticky_bit(target, around)) throw file_error("replace", target, EPERM);
}

// Who could read the file that is replaced can read the new one: its owner and group are kept, as far as we may give
// files away, and its ACL.
void keep_access(int file, const std::filesystem::path& target) {
  struct stat current {};
  if (::lstat(target.c_str(), &current) != 0 || !S_ISREG(current.st_mode)) return;
  copy_acl(target, file);
  if (::fchown(file, current.st_uid, current.st_gid) == 0) return;
  if (errno == EPERM && (::fchown(file, static_cast<uid_t>(-1), current.st_gid) == 0 || errno == EPERM)) return;
  throw file_error("give to its owner", target, errno);
}

// Whether nobody else holds it and the name still means this file.
bool is_abandoned(const Descriptor& file, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file.get(), &opened) == 0 && S_ISREG(opened.st_mode) &&
         uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0 &&
         ::lstat(path.c_str(), &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

void remove_if_stray(const std::filesystem::path& directory, const std::string& name, const std::string& suffix) {
  const auto path = directory / name;
  const auto file = open_path(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  // In this order: once nobody holds it, whoever made it has written the record or never will.
  if (!file.is_open() || !is_abandoned(file, path) || is_promised(directory, suffix)) return;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw file_error("remove", path, errno);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) { check_replaceable(target_); }

// From the delegated constructor on the destructor runs, so what throws here leaves no temporary behind.
AtomicFile::AtomicFile(std::filesystem::path target, const FileAccess& access) : AtomicFile(std::move(target)) {
  while (!create_temporary(access.mode)) continue;
  keep_access(descriptor_.get(), target_);
  grant(descriptor_.get(), access, target_);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::move(other.descriptor_)) {}

AtomicFile::~AtomicFile() {
  if (temporary_.empty()) return;
  ::unlink(temporary_.c_str());
  forget_temporary(temporary_);
}

// False if the name was taken, or if somebody's remove_stray_temporaries() came between creating and locking.
bool AtomicFile::create_temporary(mode_t mode) {
  const auto path = temporary_path(target_, random_suffix());
  remember_temporary(path);
  descriptor_ = create_at(AT_FDCWD, path.native(), mode, target_);
  if (!descriptor_.is_open()) {
    forget_temporary(path);
    return false;
  }
  temporary_ = path;
  struct stat status {};
  if (uninterrupted([&] { return ::flock(descriptor_.get(), LOCK_EX); }) != 0 ||
      ::fstat(descriptor_.get(), &status) != 0)
    throw file_error("lock the temporary of", target_, errno);
  return status.st_nlink != 0;
}

void AtomicFile::reserve() { everleaf::reserve(descriptor_.get(), target_); }

void AtomicFile::write(std::string_view contents) {
  fill(contents);
  sync_contents();
}

void AtomicFile::fill(std::string_view contents) {
  write_from_start(descriptor_.get(), contents, target_);
  ::sync_file_range(descriptor_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // no more than a hint: the disk may begin
}

void AtomicFile::sync_contents() const { sync(descriptor_.get(), target_); }

void AtomicFile::commit() {
  put_in_place();
  sync_directory(directory_of(target_));
}

void AtomicFile::put_in_place() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) throw file_error("replace", target_, errno);
  leave_behind();
}

void AtomicFile::promise() const { forget_temporary(temporary_); }

void AtomicFile::leave_behind() {
  promise();
  temporary_.clear();
  descriptor_ = Descriptor();
}

void remove_stray_temporaries(const std::filesystem::path& target) {
  const auto directory = directory_of(target);
  for (const auto& name : names_in(directory))
    if (const auto suffix = temporary_suffix(target, name)) remove_if_stray(directory, name, *suffix);
}

void remove_all_stray_temporaries(const std::filesystem::path& directory) {
  for (const auto& name : names_in(directory))
    if (const auto target = target_of_temporary(name))
      if (const auto suffix = temporary_suffix(directory / *target, name)) remove_if_stray(directory, name, *suffix);
}

}  // namespace everleaf
