// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/live_directory.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include <everleaf/files/system_calls.hpp>

namespace everleaf {
namespace {

constexpr std::size_t read_limit = 1 << 20;

Descriptor open_child(int parent, const std::string& name) {
  return open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Descriptor make_child(int parent, const std::string& name, const std::filesystem::path& path) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0) throw file_error("create", path, errno);
  auto child = open_child(parent, name);
  if (!child.is_open()) throw file_error("open", path, errno);
  set_mode(child.get(), 0700, path);
  return child;
}

int rename_within(int parent, const std::string& from, const std::string& to, unsigned flags) {
  return ::renameat2(parent, from.c_str(), parent, to.c_str(), flags);
}

// Why a rename or an exchange in `parent` did not work, and what the operator can do.
Error swap_error(const std::filesystem::path& path, int error_number) {
  const auto error = file_error("exchange", path, error_number);
  switch (error_number) {
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
      return error.with_hint(
          "the file system cannot exchange two directories (RENAME_EXCHANGE): use one that can (ext4, "
          "xfs, btrfs, tmpfs), or deliver files instead of a directory");
    case EBUSY:
      return error.with_hint("it is a mount point, and those cannot be exchanged: mount " +
                             directory_of(path).string() + " instead");
    case EXDEV:
      return error.with_hint(
          "it comes from a lower layer of an overlay (a container's image) or is a ReadWritePaths= "
          "entry of its own: create it at run time, and name only " +
          directory_of(path).string() + " in ReadWritePaths=");
    default: return error;
  }
}

// What everybody may read goes last: a key that stays behind can be renewed for ever.
std::vector<std::string> keys_first(int directory, const std::filesystem::path& path) {
  auto names = names_in(directory, path);
  std::stable_partition(names.begin(), names.end(), [&](const auto& name) {
    struct stat status {};
    return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && (status.st_mode & S_IROTH) == 0;
  });
  return names;
}

// A directory of ours with the files in it, if it is there. What somebody put into it that is no file is not ours to
// remove: it is moved aside, without our files, to `.NAME.left-XXXXXXXX`.
void remove_child(int parent, const std::string& name, const std::filesystem::path& path) {
  const auto child = open_child(parent, name);
  if (!child.is_open()) {
    if (errno == ENOENT) return;
    throw file_error("remove", path, errno);
  }
  for (const auto& file : keys_first(child.get(), path))
    if (::unlinkat(child.get(), file.c_str(), 0) != 0 && errno != EISDIR)
      throw file_error("remove", path / file, errno);
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) return;
  const auto aside = name.substr(0, name.rfind('.')) + ".left-" + random_suffix();
  if (errno != ENOTEMPTY || rename_within(parent, name, aside, RENAME_NOREPLACE) != 0)
    throw file_error("remove", path, errno);
}

Descriptor write_file(int directory, const LiveFile& file, const std::filesystem::path& path) {
  auto created = create_at(directory, file.name, file.mode, path);
  if (!created.is_open()) throw file_error("create", path, EEXIST);
  set_mode(created.get(), file.mode, path);
  write_from_start(created.get(), file.contents, path);
  return created;
}

void write_generation(int parent, const std::string& name, const std::vector<LiveFile>& files,
                      const std::filesystem::path& path) {
  const auto directory = make_child(parent, name, path);
  std::vector<Descriptor> written;
  for (const auto& file : files) written.push_back(write_file(directory.get(), file, path / file.name));
  for (std::size_t i = 0; i < files.size(); ++i) sync(written[i].get(), path / files[i].name);
  sync(directory.get(), path);
}

// After a failure. If it fails as well, the next stage() or remove_next() does it.
void discard(int parent, const std::string& name, const std::filesystem::path& path) try {
  remove_child(parent, name, path);
} catch (const Error&) {
}

std::optional<std::string> read_within(int directory, const std::string& name, const std::filesystem::path& path) {
  const auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file.is_open()) return read_regular(file.get(), read_limit, path);
  if (errno == ENOENT) return std::nullopt;
  throw file_error("read", path, errno);
}

std::vector<std::optional<std::string>> read_files(const std::filesystem::path& path,
                                                   const std::vector<std::string>& files) {
  std::vector<std::optional<std::string>> contents(files.size());
  const auto directory = open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory.is_open()) {
    if (errno == ENOENT) return contents;
    throw file_error("open", path, errno);
  }
  for (std::size_t i = 0; i < files.size(); ++i) contents[i] = read_within(directory.get(), files[i], path / files[i]);
  return contents;
}

bool exists(int parent, const std::string& name, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  throw file_error("look at", path, errno);
}

void refuse_what_is_no_directory(int parent, const std::string& name, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
    throw Error(ErrorKind::conflict, "cannot exchange " + path.string() + ": it is not a directory",
                "everleaf makes it itself: move away what is there, also if it is a link to a directory");
}

// A directory to try things with, held by a flock; removed when this dies, with the one file that may be in it.
class ProbeDirectory {
 public:
  ProbeDirectory(const Descriptor& parent, const std::filesystem::path& path, const std::string& prefix)
      : parent_(parent.get()), name_(prefix + random_suffix()) {
    directory_ = make_child(parent_, name_, path / name_);
    ::flock(directory_.get(), LOCK_EX | LOCK_NB);
  }
  ProbeDirectory(const ProbeDirectory&) = delete;
  ~ProbeDirectory() { remove(parent_, name_); }

  static void remove(int parent, const std::string& name) {
    ::unlinkat(parent, (name + "/" + file).c_str(), 0);
    ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
  }
  // What a killed run left: nobody holds it.
  static void remove_stray(int parent, const std::string& name) {
    const auto directory = open_child(parent, name);
    if (directory.is_open() && ::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) remove(parent, name);
  }

  const std::string& name() const { return name_; }
  void fill(const std::filesystem::path& path) const {
    const auto created = create_at(directory_.get(), file, file_mode::private_key, path);
    reserve(created.get(), path);
  }

 private:
  static constexpr auto file = "probe";
  int parent_;
  std::string name_;
  Descriptor directory_;
};

// Moves `name` onto a directory that is not empty. That never succeeds; but the kernel says ENOTEMPTY only where
// nothing else forbids to move this very directory (a mount point, a layer of an overlay, who owns it).
void check_movable(int parent, const std::string& name, const std::string& not_empty,
                   const std::filesystem::path& path) {
  if (!exists(parent, name, path)) return;
  refuse_what_is_no_directory(parent, name, path);
  if (rename_within(parent, name, not_empty, 0) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    throw swap_error(path, errno);
}

}  // namespace

LiveDirectory::LiveDirectory(std::filesystem::path parent, std::string name)
    : parent_(std::move(parent)), name_(std::move(name)) {
  if (name_.empty() || name_[0] == '.' || name_.find('/') != std::string::npos)
    throw Error(ErrorKind::usage, "\"" + escape(name_) + "\" cannot be the name of a live directory");
}

void LiveDirectory::check_writable() const {
  const auto parent = open_directory(parent_);
  const auto prefix = "." + name_ + ".probe-";
  for (const auto& name : names_in(parent.get(), parent_))
    if (name.starts_with(prefix)) ProbeDirectory::remove_stray(parent.get(), name);
  const ProbeDirectory one(parent, parent_, prefix);
  const ProbeDirectory other(parent, parent_, prefix);
  one.fill(path());
  if (rename_within(parent.get(), one.name(), other.name(), RENAME_EXCHANGE) != 0) throw swap_error(path(), errno);
  check_movable(parent.get(), name_, other.name(), path());  // what was one, with its file, now has the other name
}

void LiveDirectory::stage(const std::vector<LiveFile>& files) {
  const auto parent = open_directory(parent_);
  retire_next(parent.get());
  try {
    write_generation(parent.get(), partial_name(), files, next_path());
    if (rename_within(parent.get(), partial_name(), next_name(), RENAME_NOREPLACE) != 0)
      throw swap_error(next_path(), errno);
    sync(parent.get(), parent_);
  } catch (...) {
    discard(parent.get(), partial_name(), next_path());
    throw;
  }
}

void LiveDirectory::exchange(mode_t mode) {
  const auto parent = open_directory(parent_);
  const auto next = open_child(parent.get(), next_name());
  if (!next.is_open()) throw file_error("open", next_path(), errno);
  refuse_what_is_no_directory(parent.get(), name_, path());
  const auto live = open_child(parent.get(), name_);
  if (!live.is_open() && errno != ENOENT) throw file_error("open", path(), errno);
  set_mode(next.get(), mode, next_path());
  const unsigned flags = live.is_open() ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (rename_within(parent.get(), next_name(), name_, flags) != 0) throw swap_error(path(), errno);
  sync(parent.get(), parent_);
  if (live.is_open()) set_mode(live.get(), 0700, next_path());
}

void LiveDirectory::remove_next() {
  const auto parent = open_directory(parent_);
  retire_next(parent.get());
  sync(parent.get(), parent_);
}

void LiveDirectory::retire_next(int parent) {
  remove_child(parent, partial_name(), next_path());
  if (rename_within(parent, next_name(), partial_name(), RENAME_NOREPLACE) == 0)
    remove_child(parent, partial_name(), next_path());
  else if (errno != ENOENT)
    throw swap_error(next_path(), errno);
}

std::optional<std::string> LiveDirectory::read_live(const std::string& file) const {
  return read_files(path(), {file}).front();
}

std::optional<std::string> LiveDirectory::read_next(const std::string& file) const {
  return read_files(next_path(), {file}).front();
}

std::vector<std::optional<std::string>> LiveDirectory::read_live_together(const std::vector<std::string>& files) const {
  return read_files(path(), files);
}

bool LiveDirectory::has_next() const {
  const auto partial = parent_ / partial_name();
  return exists(AT_FDCWD, next_path(), next_path()) || exists(AT_FDCWD, partial, partial);
}

bool LiveDirectory::has_leftovers() const {
  return has_next() || exists(AT_FDCWD, parent_ / partial_name(), parent_ / partial_name());
}

}  // namespace everleaf
