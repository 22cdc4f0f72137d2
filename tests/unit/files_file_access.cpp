// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file_access.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <everleaf/error/error.hpp>
#include <everleaf/files/atomic_file.hpp>
#include <everleaf/files/live_directory.hpp>
#include <tests/support/acl_of.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/mount.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

gid_t www_data() { return find_group("www-data").value(); }

FileAccess access(mode_t mode, std::vector<gid_t> readers = {}) {
  FileAccess access(mode);
  access.readers = std::move(readers);
  return access;
}

void write_with(const std::filesystem::path& path, const FileAccess& access) {
  AtomicFile file(path, access);
  file.write("contents");
  file.commit();
}

constexpr auto for_www_data = "user::rw- group::--- group:www-data:r-- mask::r-- other::---";

}  // namespace

TEST_CASE("groups that may read a file get no more than that, whatever else it lets") {
  const TemporaryDirectory directory;
  const auto path = directory / "tls.key";
  write_with(path, access(0600, {www_data()}));
  CHECK(acl_of(path) == for_www_data);
  write_with(path, access(0600, {find_group("daemon").value(), www_data()}));
  CHECK(acl_of(path) == "user::rw- group::--- group:daemon:r-- group:www-data:r-- mask::r-- other::---");
  write_with(path, access(0660, {www_data()}));
  CHECK(acl_of(path) == "user::rw- group::rw- group:www-data:r-- mask::rw- other::---");
  write_with(path, access(0440, {www_data()}));
  CHECK(acl_of(path) == "user::r-- group::r-- group:www-data:r-- mask::r-- other::---");
}

TEST_CASE("a file can be given to a group, and where we may to an owner, whatever the one had that it replaces") {
  if (::geteuid() != 0) return;
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.key", "old");
  FileAccess to_group(0640);
  to_group.group = www_data();
  write_with(path, to_group);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_gid == www_data());
  CHECK(status.st_uid == 0);
  to_group.owner = find_user("nobody");
  write_with(path, to_group);
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == *to_group.owner);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("who could read the file that is replaced can read the new one, and nobody else") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.key", "old");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  output_of("setfacl -m g:www-data:r " + path.string());
  REQUIRE(acl_of(path) == for_www_data);
  write_with(path, mode_of(path));  // 0640, of which the group's part is the limit of the ACL
  CHECK(acl_of(path) == for_www_data);
  write_with(path, 0600);
  CHECK(acl_of(path) == "user::rw- group::--- group:www-data:r-- mask::--- other::---");
}

TEST_CASE("a generation has its readers before it is seen") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "web");
  live.stage({{"tls.key", access(0600, {www_data()}), "key"}, {"tls.crt", 0644, "certificate"}});
  CHECK(acl_of(directory / ".web.next/tls.key") == for_www_data);
  CHECK(mode_of(directory / ".web.next") == 0700);
  live.exchange();
  CHECK(acl_of(directory / "web/tls.key") == for_www_data);
  CHECK(acl_of(directory / "web/tls.crt") == "user::rw- group::r-- other::r--");
}

TEST_CASE("a file to which access cannot be given is not written") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.key", "old");
  const auto outcome =
      run_with_fault([&] { write_with(path, access(0600, {www_data()})); }, {1, EOPNOTSUPP, "fsetxattr"});
  CHECK(outcome.struck());
  CHECK(outcome.error == "cannot let other groups read " + path.string() + ": Operation not supported");
  CHECK(read(path) == "old");
  CHECK(names_in(directory.path()) == std::set<std::string>{"tls.key"});
}

TEST_CASE("a file system without ACLs is found before anything is written") {
  const TemporaryDirectory directory;
  const Mount plain("none", directory.path(), "ramfs");
  if (!plain) return;
  const LiveDirectory live(directory.path(), "web");
  live.check_writable({{"tls.key", access(0600), ""}});
  const auto error = failure([&] { live.check_writable({{"tls.key", access(0600, {www_data()}), ""}}); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK(error.hint().find("has no POSIX ACLs") != std::string::npos);
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("root gives files away, others may not") {
  if (::geteuid() != 0) return;
  const TemporaryDirectory directory;
  auto given = access(0600);
  given.owner = find_user("www-data");
  write_with(directory / "tls.key", given);
  struct stat status {};
  REQUIRE(::stat((directory / "tls.key").c_str(), &status) == 0);
  CHECK(status.st_uid == given.owner);
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  const auto as_nobody = [&] {
    if (::setresuid(65534, 65534, 65534) == 0) AtomicFile(directory / "other.key", given);
  };
  const auto outcome = run_with_fault(as_nobody, {.at = 1000});
  CHECK(outcome.error.starts_with("cannot give to its owner "));
}

TEST_CASE("users and groups are found by name") {
  CHECK(find_user("root") == 0);
  CHECK(find_group("root") == 0);
  CHECK(!find_user("no-such-user"));
  CHECK(!find_group("no-such-group"));
}
