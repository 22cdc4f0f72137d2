// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file_set.hpp>

#include <doctest/doctest.h>

#include <optional>

#include <everleaf/error/error.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

using Names = std::set<std::string>;
using Paths = std::vector<std::filesystem::path>;

// Certificate, key and root in two directories, each "old".
struct Files {
  Files() {
    std::filesystem::create_directory(directory / "private");
    for (const auto& path : paths()) write(path, "old");
  }
  Paths paths() const { return {directory / "tls.crt", directory / "private/tls.key", directory / "ca.crt"}; }
  std::vector<FileTarget> targets() const { return {{paths()[0], 0644}, {paths()[1], 0600}, {paths()[2], 0644}}; }
  std::vector<std::string> contents() const { return {read(paths()[0]), read(paths()[1]), read(paths()[2])}; }
  Names names() const {
    auto all = names_in(directory.path());
    all.merge(names_in(directory / "private"));
    return all;
  }
  void replace_two(std::size_t second = 1) const {
    FileSet set(targets());
    set.write(0, "new");
    set.write(second, "new");
    set.commit();
  }
  // The certificate is new, the key (or the root) not yet.
  void crash_between_renames(std::size_t second = 1) const {
    const auto outcome = run_with_fault([&] { replace_two(second); }, {.at = 3, .only = "rename"});
    REQUIRE(outcome.end == End::killed);
    REQUIRE(contents() == std::vector<std::string>{"new", "old", "old"});
  }
  std::filesystem::path record() const { return directory / ".tls.crt.everleaf-intent"; }

  TemporaryDirectory directory{memory()};
};

const Names whole{"tls.crt", "tls.key", "ca.crt", "private"};

std::optional<Error> failure_to_recover(const Paths& paths) {
  try {
    recover_files(paths);
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("of a file set what was written is replaced, the rest stays") {
  const Files files;
  files.replace_two();
  CHECK(files.contents() == std::vector<std::string>{"new", "new", "old"});
  CHECK(mode_of(files.paths()[1]) == 0600);
  CHECK(files.names() == whole);
  CHECK_FALSE(recover_files(files.paths()));
}

TEST_CASE("without commit a file set has changed nothing, and leaves nothing") {
  const Files files;
  {
    FileSet set(files.targets());
    set.write(1, "new");
  }
  FileSet(files.targets()).commit();
  CHECK(files.contents() == std::vector<std::string>{"old", "old", "old"});
  CHECK(files.names() == whole);
}

TEST_CASE("two files of a set cannot be the same") {
  const Files files;
  const auto same = files.directory.path() / "private/../tls.crt";
  CHECK_THROWS_AS(FileSet({{files.paths()[0], 0644}, {same, 0600}}), Error);
  CHECK(files.names() == whole);
}

TEST_CASE("a file set is synced before the first rename, and after the last, before its record goes") {
  const Files files;
  const auto calls = run_with_fault([&] { files.replace_two(); }, {.at = 0}).calls;
  const std::string writes = "pwrite64 ftruncate pwrite64 ftruncate openat fchmod pwrite64 ftruncate ";
  const std::string syncs = "fsync fsync fsync fsync fsync ";  // two files and the record, two directories
  CHECK_MESSAGE(calls.find(writes + syncs + "rename fsync rename rename fsync fsync unlink ") != std::string::npos,
                calls);
}

TEST_CASE("a crash between two renames is completed once") {
  const Files files;
  files.crash_between_renames();
  CHECK(recover_files(files.paths()));
  CHECK(files.contents() == std::vector<std::string>{"new", "new", "old"});
  CHECK(mode_of(files.paths()[1]) == 0600);
  CHECK(files.names() == whole);
  CHECK_FALSE(recover_files(files.paths()));
}

TEST_CASE("what a crash left to be renamed survives the removal of strays") {
  const Files files;
  files.crash_between_renames(2);
  remove_stray_temporaries(files.paths()[2]);
  CHECK_FALSE(recover_files({files.paths()[2]}));
  CHECK(recover_files(files.paths()));
  CHECK(files.contents() == std::vector<std::string>{"new", "old", "new"});
}

TEST_CASE("a rename that fails after another is left to the next run") {
  const Files files;
  const auto outcome = run_with_fault([&] { files.replace_two(); }, {3, EIO, "rename"});
  CHECK(outcome.end == End::threw);
  CHECK(recover_files(files.paths()));
  CHECK(files.contents() == std::vector<std::string>{"new", "new", "old"});
  CHECK(files.names() == whole);
}

TEST_CASE("a first rename that fails leaves everything as it was") {
  const Files files;
  const auto outcome = run_with_fault([&] { files.replace_two(); }, {2, EIO, "rename"});
  CHECK(outcome.end == End::threw);
  CHECK(files.contents() == std::vector<std::string>{"old", "old", "old"});
  CHECK(files.names() == whole);
}

TEST_CASE("a file that somebody changed after the crash is not touched, nor are the others") {
  const Files files;
  files.crash_between_renames();
  write(files.paths()[0], "theirs");
  const auto before = files.names();
  const auto error = failure_to_recover(files.paths());
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::conflict);
  CHECK(std::string(error->what()).ends_with(files.paths()[0].string() + " was changed meanwhile"));
  CHECK_FALSE(error->hint().empty());
  CHECK(files.contents() == std::vector<std::string>{"theirs", "old", "old"});
  CHECK(files.names() == before);
  std::filesystem::remove(files.record());  // as the hint says
  CHECK_FALSE(recover_files(files.paths()));
  CHECK(files.names() == whole);
}

TEST_CASE("a temporary that is not what was promised is not used") {
  const Files files;
  files.crash_between_renames();
  for (const auto& name : names_in(files.directory / "private"))
    if (name != "tls.key") write(files.directory / "private" / name, "somebody's key");
  CHECK(failure_to_recover(files.paths()));
  CHECK(files.contents() == std::vector<std::string>{"new", "old", "old"});
}

TEST_CASE("a record of other paths is a conflict") {
  const Files files;
  files.crash_between_renames();
  const auto error = failure_to_recover({files.paths()[0], files.paths()[2]});
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::conflict);
  CHECK(recover_files(files.paths()));
}

TEST_CASE("files of an interrupted set that are beside its record are completed by whoever writes fewer") {
  const TemporaryDirectory directory;
  const std::vector<std::filesystem::path> paths{directory / "a.crt", directory / "a.leaf", directory / "a.chain"};
  const auto replace_all = [&] {
    FileSet files({{paths[0], 0600}, {paths[1], 0600}, {paths[2], 0600}});
    for (std::size_t i = 0; i < paths.size(); ++i) files.write(i, "new");
    files.commit();
  };
  // 1 is the record's own.
  REQUIRE(run_with_fault(replace_all, {.at = 3, .only = "rename"}).end == End::killed);
  CHECK(recover_files({paths[0]}));
  for (const auto& path : paths) CHECK(read_file(path) == "new");
  CHECK(names_in(directory.path()) == std::set<std::string>{"a.crt", "a.leaf", "a.chain"});
}

TEST_CASE("a record of which everything was renamed is dropped, whatever was replaced since") {
  const Files files;
  const auto outcome = run_with_fault([&] { files.replace_two(); }, {.at = 1, .only = "unlink"});
  REQUIRE(outcome.end == End::killed);
  REQUIRE(files.contents() == std::vector<std::string>{"new", "new", "old"});
  const auto record = read(files.record());
  for (const auto& path : files.paths()) {  // one more each time
    write(path, "newer");
    write(files.record(), record);  // the power was cut before its removal was on the disk
    CHECK_FALSE(recover_files(files.paths()));
    CHECK(files.names() == whole);
  }
  CHECK(files.contents() == std::vector<std::string>{"newer", "newer", "newer"});
}

TEST_CASE("a record that is garbage is an error that names it") {
  const Files files;
  for (const auto* text :
       {"", "{", "[]", "{}", R"({"version": 2, "files": []})", R"({"version": 1, "files": {}})",
        R"({"version": 1, "files": [1]})",
        R"({"version": 1, "files": [{"path": "/etc/passwd", "temporary": "../../x", "sha256": "0"}]})"}) {
    CAPTURE(text);
    write(files.record(), text);
    const auto error = failure_to_recover(files.paths());
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::malformed);
    CHECK(std::string(error->what()).find(files.record().string()) != std::string::npos);
  }
}

TEST_CASE("a name that is not UTF-8 is recovered like any other") {
  const TemporaryDirectory directory(memory());
  const Paths paths{directory / "caf\xe9.crt", directory / "caf\xe9.key"};
  const auto replace = [&] {
    FileSet set({{paths[0], 0644}, {paths[1], 0600}});
    set.write(0, "certificate");
    set.write(1, "key");
    set.commit();
  };
  REQUIRE(run_with_fault(replace, {.at = 3, .only = "rename"}).end == End::killed);
  CHECK(recover_files(paths));
  CHECK(read(paths[0]) == "certificate");
  CHECK(read(paths[1]) == "key");
}

TEST_CASE("a record is written in words an operator can read, and holds no contents") {
  const Files files;
  files.crash_between_renames();
  const auto record = read(files.record());
  CHECK(record.find("\"version\": 1") != std::string::npos);
  CHECK(record.find(files.paths()[1].string()) != std::string::npos);
  CHECK(mode_of(files.record()) == 0600);
}

TEST_CASE("paths are the same however they are written") {
  const Files files;
  files.crash_between_renames();
  auto paths = files.paths();
  paths[1] = files.directory / "private/../private/./tls.key";
  CHECK(recover_files(paths));
}
