// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file_access.hpp>

#include <endian.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include <everleaf/files/system_calls.hpp>

namespace everleaf {
namespace {

constexpr auto acl_attribute = "system.posix_acl_access";

// As the kernel takes it (linux/posix_acl_xattr.h): little endian, entries in the order of their tags.
class Acl {
 public:
  explicit Acl(const FileAccess& access) {
    const auto of_group = access.mode >> 3 & 7;
    add(posix_acl_xattr_header{htole32(POSIX_ACL_XATTR_VERSION)});
    add_entry(ACL_USER_OBJ, access.mode >> 6 & 7);
    add_entry(ACL_GROUP_OBJ, of_group);
    for (const auto group : access.readers) add_entry(ACL_GROUP, ACL_READ, group);
    add_entry(ACL_MASK, of_group | ACL_READ);
    add_entry(ACL_OTHER, access.mode & 7);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void add_entry(unsigned tag, unsigned permissions, gid_t group = static_cast<gid_t>(ACL_UNDEFINED_ID)) {
    add(posix_acl_xattr_entry{htole16(static_cast<std::uint16_t>(tag)),
                              htole16(static_cast<std::uint16_t>(permissions)), htole32(group)});
  }
  template <typename Part>
  void add(const Part& part) {
    bytes_.append(reinterpret_cast<const char*>(&part), sizeof part);
  }
  std::string bytes_;
};

void set_acl(int file, const std::string& acl, const std::filesystem::path& path) {
  if (::fsetxattr(file, acl_attribute, acl.data(), acl.size(), 0) == 0) return;
  const auto error = file_error("let other groups read", path, errno);
  if (errno == EOPNOTSUPP)
    throw error.with_hint(
        "its file system has no POSIX ACLs: leave \"readers\" out, or use one that has (ext4, xfs, tmpfs)");
  if (errno == EINVAL)
    throw error.with_hint("a group does not exist in here: in a systemd unit PrivateUsers= has to be off");
  throw error;
}

void give_away(int file, const FileAccess& access, const std::filesystem::path& path) {
  if (::fchown(file, access.owner.value_or(static_cast<uid_t>(-1)), access.group.value_or(static_cast<gid_t>(-1))) == 0)
    return;
  const auto what = access.owner ? "give to its owner" : "give to its group";
  const auto hint = access.owner ? "only root can: leave \"owner\" out, or use \"readers\""
                                 : "only root can give a file to a group that you are not in";
  throw file_error(what, path, errno).with_hint(hint);
}

}  // namespace

void grant(int file, const FileAccess& access, const std::filesystem::path& path) {
  if (access.owner || access.group) give_away(file, access, path);
  if (access.readers.empty()) return set_mode(file, access.mode, path);
  set_acl(file, Acl(access).bytes(), path);
}

void copy_acl(const std::filesystem::path& path, int file) {
  const auto size = ::lgetxattr(path.c_str(), acl_attribute, nullptr, 0);
  if (size <= 0) return;  // none, or no such file, or no ACLs here
  std::string acl(static_cast<std::size_t>(size), '\0');
  if (::lgetxattr(path.c_str(), acl_attribute, acl.data(), acl.size()) != size)
    throw file_error("read the ACL of", path, errno);
  set_acl(file, acl, path);
}

std::optional<uid_t> find_user(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1 << 16);
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::nullopt : std::optional(found->pw_uid);
}

std::optional<uid_t> owner_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISLNK(status.st_mode) && status.st_uid == 0 && ::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status.st_uid;
}

std::string name_of_user(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1 << 16);
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::to_string(user) : found->pw_name;
}

std::optional<gid_t> find_group(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(1 << 20);  // it lists its members
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

}  // namespace everleaf
