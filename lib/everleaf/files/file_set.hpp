// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/files/atomic_file.hpp>

namespace everleaf {

struct FileTarget {
  std::filesystem::path path;
  FileAccess access;
};

// Files that belong together (a certificate and its key), replaced so that a crash at any moment leaves all old or,
// after the next recover_files(), all new. One file is simply an AtomicFile. Several: every temporary is written and
// synced, then an intent record `.NAME.everleaf-intent` appears beside the first target (JSON: version, and for each
// file its path, its temporary and the SHA-256 of its contents), then all are renamed, then the record goes. If a
// rename fails after others succeeded, commit() throws and leaves the record: recover_files() goes on from there.
class FileSet {
 public:
  // Creates all temporaries, as AtomicFile does. The targets' order is the order in which they are renamed. Throws
  // usage if two are the same file.
  explicit FileSet(const std::vector<FileTarget>& targets);

  void write(std::size_t index, std::string_view contents);  // each once
  void commit();                                             // what was not written stays as it is on disk

 private:
  void commit_together(const std::vector<AtomicFile*>& written);

  std::vector<AtomicFile> files_;
  std::vector<std::string> digests_;  // hex SHA-256; empty: not written
};

// Completes what an interrupted FileSet of these very paths (in this order) began, and removes stray temporaries. To be
// called before the files are read, under the directory's lock. Returns whether there was still something to rename.
// Files that the record names besides are completed as well if they are beside it: an earlier command may have written
// more than this one. Throws conflict if it names other paths elsewhere, or a file that is neither its old temporary
// nor the new contents (somebody changed it meanwhile): then nothing is touched and the hint says how to get on.
bool recover_files(const std::vector<std::filesystem::path>& paths);

}  // namespace everleaf
