// SPDX-License-Identifier: Apache-2.0
// A kill, and an error, at every system call with which files are replaced.
#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <everleaf/files/atomic_file.hpp>
#include <everleaf/files/file_set.hpp>
#include <everleaf/files/live_directory.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

using Names = std::set<std::string>;

// A kill, a full disk, a broken one.
constexpr int faults[] = {0, ENOSPC, EIO};

void check_end(const Outcome& outcome, int error) {
  if (!outcome.struck())
    CHECK(outcome.end == End::finished);
  else if (error == 0)
    CHECK(outcome.end == End::killed);
  else
    CHECK_MESSAGE((outcome.end == End::threw || outcome.end == End::finished), outcome.call);
}

// A certificate and its key as two files.
class Pair {
 public:
  std::filesystem::path certificate() const { return directory_ / "tls.crt"; }
  std::filesystem::path key() const { return directory_ / "tls.key"; }
  std::vector<std::filesystem::path> paths() const { return {certificate(), key()}; }

  void make_old() const {
    write(certificate(), "old certificate");
    write(key(), "old key");
  }
  void replace() const {
    FileSet files({{certificate(), file_mode::certificate}, {key(), file_mode::private_key}});
    files.write(0, "new certificate");
    files.write(1, "new key");
    files.commit();
  }
  bool is_whole() const { return is(certificate(), "certificate") && is(key(), "key"); }
  bool is_old() const { return read(certificate()) == "old certificate" && read(key()) == "old key"; }
  bool is_new() const { return read(certificate()) == "new certificate" && read(key()) == "new key"; }
  Names names() const { return names_in(directory_.path()); }

 private:
  static bool is(const std::filesystem::path& path, const std::string& what) {
    return read(path) == "old " + what || read(path) == "new " + what;
  }
  TemporaryDirectory directory_{memory()};
};

class Generations {
 public:
  LiveDirectory live() const { return {directory_.path(), "api"}; }
  static std::vector<LiveFile> generation(const std::string& age) {
    return {{"tls.crt", file_mode::certificate, age + " certificate"},
            {"tls.key", file_mode::private_key, age + " key"}};
  }
  void make_old() const {
    std::filesystem::remove_all(directory_ / "api");
    live().stage(generation("old"));
    live().exchange();
  }
  void replace() const {
    auto directory = live();
    directory.stage(generation("new"));
    directory.exchange();
    directory.remove_next();
  }
  // "old" or "new", "" if there is nothing, "mixed" if anything else.
  std::string age() const { return age_in(directory_ / "api"); }
  std::string age_of_next() const { return age_in(directory_ / ".api.next"); }
  Names names() const { return names_in(directory_.path()); }

 private:
  static std::string age_in(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return {};
    for (const std::string age : {"old", "new"})
      if (read(path / "tls.crt") == age + " certificate" && read(path / "tls.key") == age + " key" &&
          names_in(path) == Names{"tls.crt", "tls.key"} && mode_of(path / "tls.key") == file_mode::private_key)
        return age;
    return "mixed";
  }
  TemporaryDirectory directory_{memory()};
};

}  // namespace

TEST_CASE("an interrupted AtomicFile leaves the old contents or the new") {
  const TemporaryDirectory directory(memory());
  const auto path = directory / "tls.crt";
  for (const int error : faults) {
    const auto prepare = [&] { write(path, "old"); };
    const auto work = [&] { replace_file(path, "new", file_mode::certificate); };
    const auto calls = at_every_file_change(error, prepare, work, [&](const Outcome& outcome) {
      CAPTURE(outcome.call);
      check_end(outcome, error);
      CHECK((read(path) == "old" || read(path) == "new"));
      if (outcome.end == End::finished) CHECK(read(path) == "new");
      remove_stray_temporaries(path);
      CHECK(names_in(directory.path()) == Names{"tls.crt"});
    });
    CHECK(calls >= 7);
  }
}

TEST_CASE("an interrupted FileSet is, after recover_files, all old or all new") {
  const Pair pair;
  for (const int error : faults) {
    const auto calls = at_every_file_change(
        error, [&] { pair.make_old(); }, [&] { pair.replace(); },
        [&](const Outcome& outcome) {
          CAPTURE(outcome.call);
          check_end(outcome, error);
          CHECK(pair.is_whole());
          if (outcome.end == End::finished) CHECK(pair.is_new());
          recover_files(pair.paths());
          CHECK((pair.is_old() || pair.is_new()));
          CHECK(pair.names() == Names{"tls.crt", "tls.key"});
        });
    CHECK(calls >= 20);
  }
}

TEST_CASE("an interrupted recover_files is completed by the next") {
  const Pair pair;
  const auto stop_between_renames = [&] {
    pair.make_old();
    const auto outcome = run_with_fault([&] { pair.replace(); }, {.at = 3, .only = "rename"});
    REQUIRE(outcome.end == End::killed);
    REQUIRE_FALSE((pair.is_old() || pair.is_new()));
  };
  for (const int error : faults) {
    const auto calls = at_every_file_change(
        error, stop_between_renames, [&] { recover_files(pair.paths()); },
        [&](const Outcome& outcome) {
          CAPTURE(outcome.call);
          check_end(outcome, error);
          CHECK(pair.is_whole());
          recover_files(pair.paths());
          CHECK(pair.is_new());
          CHECK(pair.names() == Names{"tls.crt", "tls.key"});
        });
    CHECK(calls >= 3);
  }
}

TEST_CASE("an interrupted replacement of a live directory leaves one generation") {
  const Generations generations;
  for (const int error : faults) {
    const auto calls = at_every_file_change(
        error, [&] { generations.make_old(); }, [&] { generations.replace(); },
        [&](const Outcome& outcome) {
          CAPTURE(outcome.call);
          check_end(outcome, error);
          CHECK((generations.age() == "old" || generations.age() == "new"));
          CHECK(generations.age_of_next() != "mixed");
          if (outcome.end == End::finished) CHECK(generations.age() == "new");
          generations.live().remove_next();
          CHECK(generations.names() == Names{"api"});
        });
    CHECK(calls >= 20);
  }
}

TEST_CASE("an interrupted first delivery leaves nothing or all of it") {
  for (const int error : faults) {
    std::optional<Generations> generations;
    at_every_file_change(
        error, [&] { generations.emplace(); }, [&] { generations->replace(); },
        [&](const Outcome& outcome) {
          CAPTURE(outcome.call);
          check_end(outcome, error);
          CHECK((generations->age() == "" || generations->age() == "new"));
          CHECK(generations->age_of_next() != "mixed");
          generations->replace();
          CHECK(generations->age() == "new");
          CHECK(generations->names() == Names{"api"});
        });
  }
}

TEST_CASE("an interrupted check of a live directory leaves nothing behind after the next") {
  const Generations generations;
  generations.make_old();
  for (const int error : faults) {
    const auto calls = at_every_file_change(
        error, [] {}, [&] { generations.live().check_writable(Generations::generation("")); },
        [&](const Outcome& outcome) {
          CAPTURE(outcome.call);
          check_end(outcome, error);
          CHECK(generations.age() == "old");
          generations.live().check_writable(Generations::generation(""));
          CHECK(generations.names() == Names{"api"});
        });
    CHECK(calls >= 8);
  }
}
