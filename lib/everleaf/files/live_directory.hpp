// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>

namespace everleaf {

struct LiveFile {
  std::string name;  // "tls.key": no slash
  FileAccess access;
  std::string contents;
};

// A generation of files, held open: whatever is exchanged meanwhile, all that is read is of this one. Never follows
// symbolic links out.
class OpenGeneration {
 public:
  explicit OpenGeneration(std::filesystem::path path);  // it may be missing

  std::optional<std::string> read(const std::string& file) const;  // nothing if there is none
  mode_t mode_of(const std::string& file) const;                   // 0 if there is none

 private:
  std::filesystem::path path_;
  Descriptor directory_;
};

// The directory PARENT/NAME whose files are always of one generation: a new one is written whole as PARENT/.NAME.next
// (0700) and changes places with it by one renameat2(RENAME_EXCHANGE). Paths never change. What was live is then in
// .NAME.next, 0700, until remove_next(). Next is always a whole generation too: it is made and removed under the name
// .NAME.partial, and what a crash leaves there goes with the next prepare(), stage() or remove_next().
class LiveDirectory {
 public:
  // Throws usage if `name` starts with a dot or has a slash.
  LiveDirectory(std::filesystem::path parent, std::string name);

  LiveDirectory(LiveDirectory&&) noexcept;
  ~LiveDirectory();

  // Finds out whether we could stage and exchange these files here, with the very directories: PARENT takes a new
  // directory, that one takes the files with their access, some of the disk, and an exchange of two of them; NAME (if
  // there) is a real directory on the same mount. Throws storage with a hint for: a file system without exchange, a
  // mount point, a lower layer of an overlay, read-only, full; conflict if NAME is no directory. Leaves nothing behind;
  // what it left when it was killed goes with the next call. What the files will hold does not matter yet.
  void check_writable(const std::vector<LiveFile>& files) const;
  // The same, and keeps what it made for stage(). Without one it goes with this object.
  void prepare(const std::vector<LiveFile>& files);

  // Writes a whole generation, synced, as next: into the files that were prepared, if they were, and then it has to be
  // the same ones. What was in next is removed afterwards.
  void stage(const std::vector<LiveFile>& files);
  // Swaps next and live (the first time: a plain rename without replacement) and syncs the parent. `mode` is that of
  // the live directory, set before it becomes visible; the other gets 0700.
  void exchange(mode_t mode = 0755);
  // Removes next, if there is one, and what a killed stage() or remove_next() left: what not everybody may read (keys)
  // first, then the other files, then the directory; parent synced.
  void remove_next();
  // The same without the sync, for what the next run would remove again if the power is cut.
  void sweep_next();

  OpenGeneration open_live() const { return OpenGeneration(path()); }
  OpenGeneration open_next() const { return OpenGeneration(next_path()); }
  std::optional<std::string> read_live(const std::string& file) const { return open_live().read(file); }
  std::optional<std::string> read_next(const std::string& file) const { return open_next().read(file); }
  // Whether there is anything beside the live directory: next, or what a killed stage() or remove_next() left.
  bool has_next() const;

  std::filesystem::path path() const { return parent_ / name_; }

 private:
  class Staging;

  std::string next_name() const { return "." + name_ + ".next"; }
  std::string partial_name() const { return "." + name_ + ".partial"; }
  std::filesystem::path next_path() const { return parent_ / next_name(); }

  std::filesystem::path parent_;
  std::string name_;
  std::unique_ptr<Staging> staging_;
};

}  // namespace everleaf
