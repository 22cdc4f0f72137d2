// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/atomic_file.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <everleaf/error/error.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/mount.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

using Names = std::set<std::string>;

// Here a umask that takes everything, so that only what is set on purpose is seen.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

}  // namespace

TEST_CASE("without commit nothing has happened") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.crt", "old");
  {
    AtomicFile file(path, file_mode::certificate);
    file.write("new");
    CHECK(read(path) == "old");
    CHECK(names_in(directory.path()).size() == 2);
  }
  CHECK(names_in(directory.path()) == Names{"tls.crt"});
}

TEST_CASE("a committed file has its contents and its mode, whatever the umask and the old mode") {
  const TemporaryDirectory directory(memory());
  for (const mode_t mask : {0000u, 0777u}) {
    const Umask umask(mask);
    for (const mode_t mode : {0600u, 0640u, 0644u, 0444u}) {
      const auto path = directory / std::to_string(mode);
      replace_file(path, "old", 0666);
      replace_file(path, "new", mode);
      CHECK(read(path) == "new");
      CHECK(mode_of(path) == mode);
    }
  }
}

TEST_CASE("whose the old file was, the new one is") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.key", "old");
  if (::geteuid() != 0) {
    MESSAGE("only root can give files away");
    return;
  }
  REQUIRE(::chown(path.c_str(), 4711, 4712) == 0);
  AtomicFile file(path, 0640);
  file.write("new");
  file.commit();
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_uid == 4711);
  CHECK(status.st_gid == 4712);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("a temporary is beside its target and never has a wider mode") {
  const TemporaryDirectory directory;
  const Umask umask(0);
  const auto path = directory / "tls.key";
  for (std::size_t at = 1; at < 4; ++at) {
    const auto outcome = run_with_fault([&] { AtomicFile(path, file_mode::private_key); }, {.at = at});
    REQUIRE(outcome.end == End::killed);
    for (const auto& name : names_in(directory.path())) {
      CHECK(name.starts_with(".tls.key.everleaf-"));
      CHECK(mode_of(directory / name) == 0600);
    }
    remove_stray_temporaries(path);
  }
}

TEST_CASE("contents are synced before the rename, and the rename is synced") {
  const TemporaryDirectory directory(memory());
  const auto outcome = run_with_fault([&] { replace_file(directory / "file", "contents", 0600); }, {.at = 0});
  CHECK(outcome.calls.starts_with("openat fchmod pwrite64 ftruncate fsync rename fsync "));
}

TEST_CASE("contents larger and smaller than what was reserved are written whole") {
  const TemporaryDirectory directory(memory());
  const auto path = directory / "file";
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 3'000'000u}) {
    const std::string contents(size, 'x');
    AtomicFile file(path, 0600);
    file.reserve();
    file.write(contents);
    file.commit();
    CHECK(read_file(path, 1 << 22) == contents);
  }
}

TEST_CASE("a symbolic link to a file is replaced, not followed") {
  const TemporaryDirectory directory;
  const auto target = write(directory / "target", "theirs");
  std::filesystem::create_symlink(target, directory / "link");
  std::filesystem::create_symlink("nowhere", directory / "dangling");
  replace_file(directory / "link", "ours", 0600);
  replace_file(directory / "dangling", "ours", 0600);
  CHECK(read(target) == "theirs");
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(directory / "link")));
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(directory / "dangling")));
}

TEST_CASE("what is no regular file is not replaced") {
  const TemporaryDirectory directory;
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  std::filesystem::create_directory(directory / "directory");
  std::filesystem::create_directory_symlink("directory", directory / "link");
  std::filesystem::create_symlink("/dev/null", directory / "null");
  const auto before = names_in(directory.path());
  for (const auto* name : {"fifo", "directory", "link", "null", "directory/"}) {
    CAPTURE(name);
    const auto error = failure([&] { AtomicFile(directory / name, 0600); });
    CHECK(error.kind() == ErrorKind::conflict);
    CHECK(std::string(error.what()) == "cannot replace " + (directory / name).string() + ": it is not a regular file");
  }
  CHECK(names_in(directory.path()) == before);
}

TEST_CASE("a missing directory is found at the beginning") {
  const TemporaryDirectory directory;
  const auto error = failure([&] { AtomicFile(directory / "none/tls.crt", 0644); });
  CHECK(error.kind() == ErrorKind::missing);
  CHECK(error.hint() == "make the directory " + (directory / "none").string() + " first");
}

TEST_CASE("a full disk is found when room is reserved, and leaves nothing") {
  const TemporaryDirectory disk;
  const Mount mount("tmpfs", disk.path(), "tmpfs", "size=128k");
  if (!mount) return;
  write(disk / "filler", std::string(100 * 1024, 'x'));
  const auto error = failure([&] { AtomicFile(disk / "tls.crt", 0644).reserve(); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK(std::string(error.what()).ends_with("No space left on device"));
  CHECK_FALSE(error.hint().empty());
  CHECK(names_in(disk.path()) == Names{"filler"});
}

TEST_CASE("what was reserved is there when the disk fills up meanwhile, and is given back") {
  const TemporaryDirectory disk;
  const Mount mount("tmpfs", disk.path(), "tmpfs", "size=256k");
  if (!mount) return;
  AtomicFile file(disk / "tls.crt", 0644);
  file.reserve();
  write(disk / "filler", std::string(256 * 1024, 'x'));
  REQUIRE(std::filesystem::space(disk.path()).available == 0);
  file.write(std::string(60'000, 'c'));
  file.commit();
  CHECK(read(disk / "tls.crt") == std::string(60'000, 'c'));
  CHECK(std::filesystem::space(disk.path()).available > 0);
}

TEST_CASE("a read-only file system is found at the beginning") {
  const TemporaryDirectory disk;
  const Mount mount("tmpfs", disk.path(), "tmpfs", "size=128k");
  if (!mount) return;
  mount.make_read_only();
  const auto error = failure([&] { AtomicFile(disk / "tls.crt", 0644); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK(std::string(error.what()).ends_with("Read-only file system"));
  CHECK(error.hint().find("ReadWritePaths=") != std::string::npos);
}

TEST_CASE("a target that is a mount point is found at the beginning") {
  const TemporaryDirectory directory;
  const auto source = write(directory / "source", "s");
  const auto target = write(directory / "target", "t");
  const Mount mount(source, target, "", "", MS_BIND);
  if (!mount) return;
  const auto error = failure([&] { AtomicFile(target, 0600); });
  CHECK(std::string(error.what()).ends_with("Device or resource busy"));
  CHECK(error.hint().find("mount the directory") != std::string::npos);
}

TEST_CASE("where others' files are protected by the sticky bit, that is found at the beginning") {
  if (::geteuid() != 0) return;  // only root has files of others
  const TemporaryDirectory directory;
  const auto path = write(directory / "tls.crt", "theirs");
  REQUIRE(::chown(path.c_str(), 1, 1) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  const auto as_nobody = [&] {
    if (::setresuid(65534, 65534, 65534) == 0) AtomicFile(path, 0644);
  };
  const auto outcome = run_with_fault(as_nobody, {.at = 1000});
  CHECK(outcome.end == End::threw);
  CHECK(outcome.error == "cannot replace " + path.string() + ": Operation not permitted");
  CHECK(names_in(directory.path()) == Names{"tls.crt"});
}

TEST_CASE("a file system that cannot reserve is written to all the same") {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  for (const int error : {EOPNOTSUPP, EINVAL, EINTR}) {
    const auto reserve_and_write = [&] {
      AtomicFile file(path, 0600);
      file.reserve();
      file.write("new");
      file.commit();
    };
    const auto outcome = run_with_fault(reserve_and_write, {1, error, "fallocate"});
    CHECK(outcome.struck());
    CHECK(outcome.end == End::finished);
    CHECK(read(path) == "new");
    std::filesystem::remove(path);
  }
}

TEST_CASE("calls that a signal interrupted are repeated") {
  const TemporaryDirectory directory(memory());
  const auto path = directory / "file";
  const auto calls = at_every_file_change(
      EINTR, [&] { std::filesystem::remove(path); }, [&] { replace_file(path, "new", 0600); },
      [&](const Outcome& outcome) {
        CAPTURE(outcome.call);
        if (outcome.call != "rename") CHECK(outcome.end == End::finished);
      });
  CHECK(calls >= 7);
}

TEST_CASE("strays are removed, and nothing else") {
  const TemporaryDirectory directory;
  const auto path = directory / "tls.crt";
  const AtomicFile in_use(path, 0644);
  write(directory / ".tls.crt.everleaf-abcdefgh", "a stray");
  const Names others{"tls.crt",
                     ".tls.crt.everleaf-ABCDEFGH",
                     ".tls.crt.everleaf-abcdefghi",
                     ".tls.crt.everleaf-short",
                     ".tls.key.everleaf-abcdefgh",
                     "tls.crt.everleaf-abcdefgh"};
  for (const auto& name : others) write(directory / name, "");
  std::filesystem::create_symlink("tls.crt", directory / ".tls.crt.everleaf-aaaaaaaa");
  std::filesystem::create_directory(directory / ".tls.crt.everleaf-bbbbbbbb");
  remove_stray_temporaries(path);
  auto expected = others;
  expected.insert({in_use.temporary().filename(), ".tls.crt.everleaf-aaaaaaaa", ".tls.crt.everleaf-bbbbbbbb"});
  CHECK(names_in(directory.path()) == expected);
}

TEST_CASE("a temporary that an intent record names is no stray, nor is one beside a record nobody can read") {
  const TemporaryDirectory directory;
  const auto path = directory / "tls.crt";
  const auto temporary = write(directory / ".tls.crt.everleaf-abcdefgh", "");
  const auto stray = write(directory / ".tls.crt.everleaf-hgfedcba", "");
  write(directory / ".tls.key.everleaf-intent",
        R"({"version": 1, "files": [{"path": "/x", "temporary": "abcdefgh", "sha256": "0"}]})");
  remove_stray_temporaries(path);
  CHECK(std::filesystem::exists(temporary));
  CHECK_FALSE(std::filesystem::exists(stray));
  write(directory / ".tls.key.everleaf-intent", "garbage");
  remove_stray_temporaries(path);
  CHECK(std::filesystem::exists(temporary));
  std::filesystem::remove(directory / ".tls.key.everleaf-intent");
  remove_stray_temporaries(path);
  CHECK_FALSE(std::filesystem::exists(temporary));
}

TEST_CASE("where there is no directory there are no strays") {
  const TemporaryDirectory directory;
  CHECK_NOTHROW(remove_stray_temporaries(directory / "none/tls.crt"));
}
