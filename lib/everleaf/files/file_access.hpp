// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace everleaf {

// Who may do what with a file that we write.
struct FileAccess {
  FileAccess(mode_t permissions) : mode(permissions) {}  // implicit: most files need no more

  mode_t mode;
  std::optional<uid_t> owner;  // nothing: whoever we are; only root gives files away
  std::optional<gid_t> group;  // nothing: that of the file that is replaced, else ours
  std::vector<gid_t> readers;  // groups that may read it besides: a POSIX ACL, for which we need not be their members

  friend bool operator==(const FileAccess&, const FileAccess&) = default;
};

// Gives them to an open file of ours, which on the way nobody may do more with than in the end. Throws storage with a
// hint where the file system has no ACLs or we may not. `path` is what errors call it.
void grant(int file, const FileAccess& access, const std::filesystem::path& path);

// Gives an open file of ours the POSIX ACL of the one at `path`, if that has one; a mode that is set afterwards limits
// it as it would there.
void copy_acl(const std::filesystem::path& path, int file);

// By name; nothing if there is none on this host.
std::optional<uid_t> find_user(const std::string& name);
std::optional<gid_t> find_group(const std::string& name);
// Whose what is at `path` is; nothing if we cannot look at it. A link is whose who made it, unless that was root: then
// it is what it leads to.
std::optional<uid_t> owner_of(const std::filesystem::path& path);
// As text, or its number if it has no name on this host.
std::string name_of_user(uid_t user);

}  // namespace everleaf
