// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/live_directory.hpp>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include <everleaf/error/error.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/mount.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

using Names = std::set<std::string>;

std::vector<LiveFile> generation(const std::string& age) {
  return {{"ca.crt", 0644, age + " root"}, {"tls.crt", 0644, age + " certificate"}, {"tls.key", 0600, age + " key"}};
}

void deliver(LiveDirectory& live, const std::string& age, mode_t mode = 0755) {
  live.stage(generation(age));
  live.exchange(mode);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a generation is live only after the exchange, with all its modes") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  const auto mask = ::umask(0077);
  live.stage(generation("first"));
  CHECK_FALSE(live.read_live("tls.crt"));
  CHECK(live.read_next("tls.crt") == "first certificate");
  CHECK(mode_of(directory / ".api.next") == 0700);
  live.exchange(0750);
  ::umask(mask);
  CHECK_FALSE(live.has_next());
  CHECK(live.read_live("tls.key") == "first key");
  CHECK(mode_of(live.path()) == 0750);
  CHECK(mode_of(live.path() / "tls.crt") == 0644);
  CHECK(mode_of(live.path() / "tls.key") == 0600);
  CHECK(names_in(live.path()) == Names{"ca.crt", "tls.crt", "tls.key"});
}

TEST_CASE("the generation before is next, for us alone, until it is removed") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  deliver(live, "new");
  CHECK(live.has_next());
  CHECK(mode_of(directory / ".api.next") == 0700);
  CHECK(live.read_live("tls.key") == "new key");
  CHECK(live.read_next("tls.key") == "old key");
  live.remove_next();
  CHECK_FALSE(live.has_next());
  CHECK(names_in(directory.path()) == Names{"api"});
  live.remove_next();
}

TEST_CASE("a rollback is the same exchange") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  deliver(live, "new");
  live.exchange();
  CHECK(live.read_live("tls.crt") == "old certificate");
  CHECK(live.read_next("tls.crt") == "new certificate");
  CHECK(mode_of(live.path()) == 0755);
  CHECK(mode_of(directory / ".api.next") == 0700);
}

TEST_CASE("a generation is synced before it is next, and the exchange is synced") {
  const TemporaryDirectory directory(memory());
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  const auto calls = run_with_fault([&] { deliver(live, "new"); }, {.at = 0}).calls;
  CHECK_MESSAGE(has(calls, "fsync fsync fsync fsync renameat2 fsync fchmod renameat2 fsync fchmod "), calls);
}

TEST_CASE("a stage replaces what was in next") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  live.stage(generation("abandoned"));
  live.stage({{"tls.crt", 0644, "wanted"}});
  CHECK(live.read_next("tls.crt") == "wanted");
  CHECK_FALSE(live.read_next("tls.key"));
}

TEST_CASE("an open generation stays the one it was, and a missing file is nothing") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  CHECK(!live.open_live().read("tls.crt"));
  CHECK(live.open_live().mode_of("tls.crt") == 0);
  deliver(live, "old");
  const auto old = live.open_live();
  deliver(live, "new");
  CHECK(old.read("tls.crt") == "old certificate");
  CHECK(old.read("tls.key") == "old key");
  CHECK(!old.read("none"));
  CHECK(old.mode_of("tls.key") == 0600);
  CHECK(live.open_next().read("tls.key") == "old key");
}

TEST_CASE("a link or a FIFO that somebody put there is not read, and a linked directory not exchanged") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  std::filesystem::create_symlink("/etc/passwd", live.path() / "link");
  REQUIRE(::mkfifo((live.path() / "fifo").c_str(), 0600) == 0);
  CHECK(has(failure([&] { live.read_live("link"); }).what(), "it is a symbolic link"));
  CHECK(has(failure([&] { live.read_live("fifo"); }).what(), "not a regular file"));

  LiveDirectory linked(directory.path(), "linked");
  linked.stage(generation("new"));
  std::filesystem::create_directory_symlink("api", directory / "linked");
  CHECK(failure([&] { linked.check_writable(generation("")); }).kind() == ErrorKind::conflict);
  CHECK(failure([&] { linked.stage(generation("newer")); }).kind() == ErrorKind::conflict);
  CHECK(failure([&] { linked.exchange(); }).kind() == ErrorKind::conflict);
  CHECK(live.read_live("tls.crt") == "old certificate");
}

TEST_CASE("a planted link is neither written through nor emptied") {
  const TemporaryDirectory directory;
  const auto outside = directory / "outside";
  std::filesystem::create_directory(outside);
  write(outside / "file", "theirs");
  for (const auto* name : {".api.next", ".api.partial"}) {
    std::filesystem::create_directory_symlink(outside, directory / name);
    LiveDirectory live(directory.path(), "api");
    CHECK_THROWS_AS(live.stage(generation("new")), Error);
    CHECK(names_in(outside) == Names{"file"});
    std::filesystem::remove(directory / ".api.next");
    std::filesystem::remove(directory / ".api.partial");
  }
}

TEST_CASE("the key of a generation goes before the rest") {
  const TemporaryDirectory directory(memory());
  LiveDirectory live(directory.path(), "api");
  live.stage({{"a.crt", 0644, ""}, {"b.key", 0600, ""}, {"c.crt", 0644, ""}, {"d.pem", 0640, ""}});
  REQUIRE(run_with_fault([&] { live.remove_next(); }, {.at = 3, .only = "unlinkat"}).end == End::killed);
  CHECK(names_in(directory / ".api.partial") == Names{"a.crt", "c.crt"});
}

TEST_CASE("a directory that somebody put into a generation is moved aside, without our keys") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  std::filesystem::create_directory(live.path() / "theirs");
  deliver(live, "new");
  live.remove_next();
  CHECK_FALSE(live.has_next());
  CHECK(live.read_live("tls.crt") == "new certificate");
  const auto names = names_in(directory.path());
  const auto aside =
      std::find_if(names.begin(), names.end(), [](auto& name) { return name.starts_with(".api.left-"); });
  REQUIRE(aside != names.end());
  CHECK(names_in(directory / *aside) == Names{"theirs"});
}

TEST_CASE("without next there is nothing to exchange") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  CHECK(failure([&] { live.exchange(); }).kind() == ErrorKind::missing);
}

TEST_CASE("names that would leave the parent, or hide, are refused") {
  for (const auto* name : {"", ".", "..", ".api", "a/b", "/etc"}) CHECK_THROWS_AS(LiveDirectory("/tmp", name), Error);
}

TEST_CASE("a check leaves everything as it was, before and after the first generation") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  live.check_writable(generation(""));
  CHECK(names_in(directory.path()).empty());
  deliver(live, "old");
  live.check_writable(generation(""));
  CHECK(names_in(directory.path()) == Names{"api"});
  CHECK(live.read_live("ca.crt") == "old root");
  CHECK(live.read_live("tls.key") == "old key");
  CHECK(failure([&] { LiveDirectory(directory / "none", "api").check_writable(generation("")); }).kind() ==
        ErrorKind::missing);
}

TEST_CASE("a check removes what a killed one left") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory / ".api.probe");
  write(directory / ".api.probe/tls.key", "");
  LiveDirectory(directory.path(), "api").check_writable(generation(""));
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("checks at the same time do not disturb each other, nor what is prepared") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  live.prepare(generation(""));
  std::vector<std::thread> checks;
  std::atomic<int> done = 0;
  for (int i = 0; i < 4; ++i)
    checks.emplace_back([&] {
      for (int times = 0; times < 20; ++times, ++done)
        LiveDirectory(directory.path(), "api").check_writable(generation(""));
    });
  for (auto& check : checks) check.join();
  CHECK(done == 80);
  live.stage(generation("new"));
  CHECK(names_in(directory.path()) == Names{".api.next"});
  CHECK(live.read_next("tls.key") == "new key");
}

TEST_CASE("what is prepared goes if nothing is staged, and leaves next alone until then") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  deliver(live, "new");
  {
    LiveDirectory another(directory.path(), "api");
    another.prepare(generation(""));
    CHECK(live.read_next("tls.crt") == "old certificate");
    CHECK(mode_of(directory / ".api.partial/tls.key") == 0600);
  }
  CHECK(names_in(directory.path()) == Names{"api", ".api.next"});
  live.prepare(generation(""));
  live.stage(generation("newer"));
  CHECK(live.read_next("tls.crt") == "newer certificate");
  CHECK(names_in(directory.path()) == Names{"api", ".api.next"});
}

TEST_CASE("what is prepared holds room on the disk for what comes") {
  const TemporaryDirectory directory;
  const Mount mount("tmpfs", directory.path(), "tmpfs", "size=128k");
  if (!mount) return;
  LiveDirectory live(directory.path(), "api");
  live.prepare(generation(""));
  const Descriptor filler(::open((directory / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string page(4096, 'x');
  while (::write(filler.get(), page.data(), page.size()) > 0) continue;
  live.stage(generation("new"));
  CHECK(live.read_next("tls.key") == "new key");
}

TEST_CASE("a check says what to do where an exchange is not possible") {
  const TemporaryDirectory directory(memory());
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  const auto hint_for = [&](const char* call, int error) {
    const auto outcome = run_with_fault([&] { live.check_writable(generation("")); }, {1, error, call});
    CHECK(outcome.end == End::threw);
    CHECK(outcome.error.starts_with("cannot exchange " + live.path().string() + ": "));
    CHECK(names_in(directory.path()) == Names{"api"});
    return outcome.hint;
  };
  CHECK(has(hint_for("renameat2", EINVAL), "RENAME_EXCHANGE"));
  CHECK(has(hint_for("renameat2", ENOSYS), "RENAME_EXCHANGE"));
  CHECK(has(hint_for("renameat", EBUSY), "mount point"));
  CHECK(has(hint_for("renameat", EXDEV), "overlay"));
  CHECK(has(hint_for("renameat", EXDEV), "ReadWritePaths="));
}

TEST_CASE("a check finds a live directory that is a mount point") {
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "api");
  std::filesystem::create_directory(live.path());
  const Mount mount("tmpfs", live.path(), "tmpfs", "size=64k");
  if (!mount) return;
  const auto error = failure([&] { live.check_writable(generation("")); });
  CHECK(has(error.hint(), "mount point"));
  CHECK(names_in(directory.path()) == Names{"api"});
}

TEST_CASE("a check finds a live directory from a lower layer of an overlay") {
  const TemporaryDirectory directory(memory());
  for (const auto* name : {"lower/api", "upper", "work", "merged"})
    std::filesystem::create_directories(directory / name);
  write(directory / "lower/api/tls.crt", "from the image");
  const auto base = directory.path().string();
  const auto options = "lowerdir=" + base + "/lower,upperdir=" + base + "/upper,workdir=" + base + "/work";
  const Mount mount("overlay", directory / "merged", "overlay", options);
  if (!mount) return;
  LiveDirectory image(directory / "merged", "api");
  const auto error = failure([&] { image.check_writable(generation("")); });
  CHECK(has(error.what(), "Invalid cross-device link"));
  CHECK(has(error.hint(), "overlay"));
  CHECK(image.read_live("tls.crt") == "from the image");

  LiveDirectory made_later(directory / "merged", "other");
  deliver(made_later, "old");
  made_later.check_writable(generation(""));
  deliver(made_later, "new");
  CHECK(made_later.read_live("tls.crt") == "new certificate");
}

TEST_CASE("a check finds a full or read-only disk, and a full one keeps what is live") {
  const TemporaryDirectory directory;
  const Mount mount("tmpfs", directory.path(), "tmpfs", "size=128k");
  if (!mount) return;
  LiveDirectory live(directory.path(), "api");
  deliver(live, "old");
  write(directory / "filler", std::string(200 * 1024, 'x'));
  CHECK(has(failure([&] { live.check_writable(generation("")); }).what(), "No space left"));
  CHECK(has(failure([&] { live.stage(generation("new")); }).what(), "No space left"));
  CHECK(names_in(directory.path()) == Names{"api", "filler"});
  CHECK(live.read_live("tls.key") == "old key");
  mount.make_read_only();
  CHECK(has(failure([&] { live.check_writable(generation("")); }).hint(), "ReadWritePaths="));
}

TEST_CASE("a live directory of another user is found before anything is asked of anybody") {
  if (::geteuid() != 0) return;
  const TemporaryDirectory directory;
  LiveDirectory live(directory.path(), "web");
  deliver(live, "old");
  REQUIRE(::chown(directory.path().c_str(), 65534, 65534) == 0);
  REQUIRE(::seteuid(65534) == 0);
  const auto error = failure([&] { live.prepare(generation("new")); });
  REQUIRE(::seteuid(0) == 0);
  CHECK(has(error.what(), "cannot exchange"));
  CHECK(has(error.hint(), "another user"));
  CHECK(live.read_live("tls.key") == "old key");
}
