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

std::optional<std::string> read_within(int directory, const std::string& name, const std::filesystem::path& path) {
  const auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file.is_open()) return read_regular(file.get(), read_limit, path);
  if (errno == ENOENT) return std::nullopt;
  throw file_error("read", path, errno);
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

// What belongs to another user could be exchanged, but not closed and removed after that.
void check_ours(int parent, const std::string& name, const std::filesystem::path& path) {
  struct stat status {};
  if (::geteuid() != 0 && ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_uid != ::geteuid())
    throw file_error("exchange", path, EPERM)
        .with_hint("it belongs to another user: give it to the one that we run as");
}

// Moves `name` onto a directory that is not empty. That never succeeds; but the kernel says ENOTEMPTY only where
// nothing else forbids to move this very directory (a mount point, a layer of an overlay, who owns it).
void check_movable(int parent, const std::string& name, const std::string& not_empty,
                   const std::filesystem::path& path) {
  if (!exists(parent, name, path)) return;
  refuse_what_is_no_directory(parent, name, path);
  check_ours(parent, name, path);
  if (rename_within(parent, name, not_empty, 0) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    throw swap_error(path, errno);
}

}  // namespace

OpenGeneration::OpenGeneration(std::filesystem::path path)
    : path_(std::move(path)), directory_(open_path(path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) {
  if (!directory_.is_open() && errno != ENOENT) throw file_error("open", path_, errno);
}

std::optional<std::string> OpenGeneration::read(const std::string& file) const {
  if (!directory_.is_open()) return std::nullopt;
  return read_within(directory_.get(), file, path_ / file);
}

mode_t OpenGeneration::mode_of(const std::string& file) const {
  struct stat status {};
  if (!directory_.is_open() || ::fstatat(directory_.get(), file.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return 0;
  return status.st_mode & 07777;
}

// A generation in the making, in a directory of its own in PARENT. Its files are there from the beginning, with their
// access and room on the disk. Whatever has that directory's name in the end is removed.
class LiveDirectory::Staging {
 public:
  Staging(const LiveDirectory& live, Descriptor parent, std::string name, const std::vector<LiveFile>& files)
      : Staging(live.next_path(), std::move(parent), std::move(name)) {
    for (const auto& file : files) files_.push_back(make(file));
    reserve(files_.front().get(), path_);  // for all: it is written first, and gives back what is too much
    for (int there_and_back = 0; there_and_back < 2; ++there_and_back)
      if (rename_within(directory_.get(), files.front().name, files.back().name, RENAME_EXCHANGE) != 0)
        throw swap_error(live.path(), errno);
    check_movable(parent_.get(), live.name_, name_, live.path());
  }
  Staging(const Staging&) = delete;
  ~Staging() {
    try {
      remove_child(parent_.get(), name_, path_);
    } catch (const Error&) {  // the next prepare() or remove_next() does it
    }
  }

  int parent() const { return parent_.get(); }
  void fill(const std::vector<LiveFile>& files) const {
    for (std::size_t i = 0; i < files.size(); ++i)
      write_from_start(files_.at(i).get(), files[i].contents, path_ / files[i].name);
    // Begun together: then a journal is committed once, not for each of them. Whether it worked, fsync says.
    for (const auto& file : files_) ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
    for (std::size_t i = 0; i < files.size(); ++i) sync(files_[i].get(), path_ / files[i].name);
    sync(directory_.get(), path_);
  }

 private:
  Staging(std::filesystem::path path, Descriptor parent, std::string name)
      : path_(std::move(path)), parent_(std::move(parent)), name_(std::move(name)) {
    remove_child(parent_.get(), name_, path_);  // what a killed run left
    directory_ = make_child(parent_.get(), name_, path_);
  }
  Descriptor make(const LiveFile& file) const {
    const auto path = path_ / file.name;
    auto made = create_at(directory_.get(), file.name, file.access.mode, path);
    if (!made.is_open()) throw file_error("create", path, EEXIST);
    grant(made.get(), file.access, path);
    return made;
  }

  std::filesystem::path path_;  // what errors call it
  Descriptor parent_;
  std::string name_;
  Descriptor directory_;
  std::vector<Descriptor> files_;
};

LiveDirectory::LiveDirectory(std::filesystem::path parent, std::string name)
    : parent_(std::move(parent)), name_(std::move(name)) {
  if (name_.empty() || name_[0] == '.' || name_.find('/') != std::string::npos)
    throw Error(ErrorKind::usage, "\"" + escape(name_) + "\" cannot be the name of a live directory");
}

LiveDirectory::LiveDirectory(LiveDirectory&&) noexcept = default;
LiveDirectory::~LiveDirectory() = default;

// One check at a time: then what lies under the name of the trial is of a killed one. Where a directory cannot be
// locked (NFS), it cannot be exchanged either, and that is said.
void LiveDirectory::check_writable(const std::vector<LiveFile>& files) const {
  auto parent = open_directory(parent_);
  uninterrupted([&] { return ::flock(parent.get(), LOCK_EX); });
  const Staging trial(*this, std::move(parent), "." + name_ + ".probe", files);
}

void LiveDirectory::prepare(const std::vector<LiveFile>& files) {
  staging_.reset();
  staging_ = std::make_unique<Staging>(*this, open_directory(parent_), partial_name(), files);
}

void LiveDirectory::stage(const std::vector<LiveFile>& files) {
  if (!staging_) prepare(files);
  const auto staging = std::move(staging_);
  staging->fill(files);
  refuse_what_is_no_directory(staging->parent(), next_name(), next_path());
  if (rename_within(staging->parent(), partial_name(), next_name(), RENAME_NOREPLACE) != 0 &&
      (errno != EEXIST ||
       rename_within(staging->parent(), partial_name(), next_name(), RENAME_EXCHANGE) != 0))  // the other one goes
    throw swap_error(next_path(), errno);
  sync(staging->parent(), parent_);
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

void LiveDirectory::sweep_next() {
  const auto parent = open_directory(parent_);
  remove_child(parent.get(), partial_name(), next_path());
  if (rename_within(parent.get(), next_name(), partial_name(), RENAME_NOREPLACE) == 0)
    remove_child(parent.get(), partial_name(), next_path());
  else if (errno != ENOENT)
    throw swap_error(next_path(), errno);
}

void LiveDirectory::remove_next() {
  sweep_next();
  sync_directory(parent_);
}

bool LiveDirectory::has_next() const {
  const auto partial = parent_ / partial_name();
  return exists(AT_FDCWD, next_path(), next_path()) || exists(AT_FDCWD, partial, partial);
}

}  // namespace everleaf
