// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>

namespace everleaf {

// A file that appears under its name whole, or not at all: temporary beside it, fsync, rename, fsync of the directory.
//
//   AtomicFile file(path, file_mode::private_key);   // before the CA is asked: finds out that we cannot write
//   file.reserve();
//   file.write(pem);
//   file.commit();                                   // without this line nothing has happened
class AtomicFile {
 public:
  // Creates the temporary `.NAME.everleaf-XXXXXXXX` in the target's directory with exactly `access` from its first byte
  // (whatever the umask) and else, where we may, owner, group and ACL of the file that it is going to replace, and
  // holds a flock on it. Throws missing if there is no such directory; storage if it is read-only, full or not ours;
  // conflict if the target is there but no regular file (a directory, /dev/null: commands write to streams.hpp
  // instead). A target that is a symbolic link to a file is replaced, not followed.
  AtomicFile(std::filesystem::path target, const FileAccess& access);
  AtomicFile(AtomicFile&&) noexcept;
  ~AtomicFile();  // removes the temporary if it was not committed or left behind

  // 64 KiB of the disk, for what is written later. Throws storage if it is full.
  void reserve();
  // The whole contents, once; synced when it returns.
  void write(std::string_view contents);
  // Renames and syncs the directory. A failed fsync is a failure.
  void commit();
  // commit() without the sync: a power cut may bring back the old contents.
  void put_in_place();

  const std::filesystem::path& target() const { return target_; }
  const std::filesystem::path& temporary() const { return temporary_; }

 private:
  friend class FileSet;  // renames several under one record

  explicit AtomicFile(std::filesystem::path target);
  bool create_temporary(mode_t mode);
  void fill(std::string_view contents);  // write() without the sync
  void sync_contents() const;
  void promise() const;  // a signal that ends us does not remove it any more
  void leave_behind();   // for recover_files()

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  Descriptor descriptor_;
};

// Removes the temporaries that killed runs left beside `target`: those of its name on which nobody holds the flock
// and which no intent record beside them names (see FileSet).
void remove_stray_temporaries(const std::filesystem::path& target);
// The same for all targets in a directory.
void remove_all_stray_temporaries(const std::filesystem::path& directory);

}  // namespace everleaf
