// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/deliver.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file_set.hpp>
#include <tests/support/acl_of.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/output_of.hpp>
#include <tests/support/temporary_directory.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

namespace fs = std::filesystem;

const Time start = sys_days{2026y / January / 2};

const TestCa& ca() {
  static const TestCa authority;
  return authority;
}

// The newer the generation, the later it ends.
Generation generation(int number) {
  return {ca().issue({.validity = {start, start + hours(24 + number)}}), {ca().root()}};
}

enum class Layout { directory, files };
constexpr Layout layouts[] = {Layout::directory, Layout::files};

// A place in a directory of its own.
struct Sample {
  explicit Sample(Layout layout) {
    fs::create_directory(configuration.live_parent());
    fs::create_directory(directory / "given");
    if (layout == Layout::files)
      certificate.files = GivenFiles{given("web.crt"), given("web.key"), given("web.pem"), given("ca.crt")};
  }
  fs::path given(const std::string& name) const { return directory / "given" / name; }
  fs::path file(const std::string& name) const {
    if (!certificate.files) return configuration.live_parent() / "web" / name;
    return given(name == "ca.crt" ? name : "web" + fs::path(name).extension().string());
  }
  fs::path next(const std::string& name) const { return configuration.live_parent() / ".web.next" / name; }

  Place place() const { return {configuration, certificate}; }
  void deliver(const Generation& one) const {
    const auto live = place().live();
    place().stage(one);
    place().swap(live ? std::optional(live->leaf().fingerprint()) : std::nullopt);
  }

  TemporaryDirectory directory{memory()};
  Configuration configuration{.authority = {HttpsUrl::parse("https://ca.internal"), Fingerprint{}},
                              .state = directory.path()};
  ManagedCertificate certificate{.name = "web"};
};

bool is(const std::optional<Identity>& identity, const Generation& one) {
  return identity && identity->chain == one.identity.chain && identity->key == one.identity.key;
}

// A directory that may not be passed by anybody, as long as this lives; root has to be somebody else for that.
class Closed {
 public:
  explicit Closed(fs::path directory) : directory_(std::move(directory)) {
    fs::permissions(directory_, fs::perms::none);
    if (user_ == 0) REQUIRE(::seteuid(65534) == 0);
  }
  Closed(const Closed&) = delete;
  ~Closed() {
    if (::seteuid(user_) != 0) std::abort();
    fs::permissions(directory_, fs::perms::owner_all);
  }

 private:
  fs::path directory_;
  uid_t user_ = ::geteuid();
};

Fingerprint leaf_of(const Generation& one) { return one.identity.leaf().fingerprint(); }

}  // namespace

TEST_CASE("a first delivery puts everything in place, with the modes it needs") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto first = generation(1);
    CHECK(std::holds_alternative<NothingOnDisk>(sample.place().look()));
    sample.deliver(first);
    CHECK(is(sample.place().live(), first));
    const auto chain = to_pem(first.identity.chain);
    const std::string key(first.identity.key.to_pem().reveal());
    CHECK(read(sample.file("tls.crt")) == chain);
    CHECK(read(sample.file("tls.key")) == key);
    CHECK(read(sample.file("tls.pem")) == chain + key);
    CHECK(read(sample.file("ca.crt")) == ca().root().to_pem());
    CHECK(mode_of(sample.file("tls.crt")) == 0644);
    CHECK(mode_of(sample.file("tls.key")) == 0600);
    CHECK(mode_of(sample.file("tls.pem")) == 0600);
    CHECK(mode_of(sample.file("ca.crt")) == 0644);
  }
}

TEST_CASE("staged is not live; swapped it is, and is what the plan sees") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto first = generation(1);
    const auto second = generation(2);
    sample.deliver(first);
    auto place = sample.place();
    place.stage(second);
    CHECK(is(place.live(), first));
    CHECK(is(place.staged(), second));
    place.swap(leaf_of(first));
    CHECK(is(place.live(), second));
    CHECK(!place.staged());
    const auto seen = std::get<PairOnDisk>(place.look());
    CHECK(seen.leaf == leaf_of(second));
    CHECK(seen.validity == second.identity.leaf().validity());
  }
}

TEST_CASE("roots are delivered alone, with the same pair") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto has_other_roots = [&](const std::vector<Certificate>& trusted) {
      return std::get<PairOnDisk>(sample.place().look(trusted)).has_other_roots;
    };
    auto one = generation(1);
    CHECK(std::holds_alternative<NothingOnDisk>(sample.place().look({ca().root()})));
    sample.deliver(one);
    CHECK(!has_other_roots({ca().root()}));
    const std::vector<Certificate> more{ca().root(), TestCa().root()};
    CHECK(has_other_roots(more));
    CHECK(!has_other_roots({}));  // nobody knows yet whom to trust
    one.roots = more;
    sample.deliver(one);
    CHECK(!has_other_roots(more));
    CHECK(read_file(sample.file("ca.crt")) == to_pem(more));
    CHECK(is(sample.place().live(), one));
    CHECK(!sample.place().staged());
    fs::remove(sample.file("ca.crt"));
    CHECK(!has_other_roots(more));
    CHECK(std::get<PairOnDisk>(sample.place().look(more)).damage == "there is no ca.crt");
    sample.deliver(one);
    CHECK(std::get<PairOnDisk>(sample.place().look(more)).damage == "");
  }
}

TEST_CASE("what is damaged beside the pair is seen, and the same generation mends it") {
  for (const auto layout : layouts)
    for (const auto* what : {"another's tls.pem", "no tls.pem", "a cut tls.pem", "a directory", "a link", "a FIFO"}) {
      CAPTURE(what);
      if (layout == Layout::files && std::string(what).starts_with("a ") && std::string(what) != "a cut tls.pem")
        continue;  // no file of ours can take its place
      const Sample sample(layout);
      const auto damage = [&] { return std::get<PairOnDisk>(sample.place().look({ca().root()})).damage; };
      const auto first = generation(1);
      sample.deliver(first);
      CHECK(damage() == "");
      const auto pem = sample.file("tls.pem");
      if (what == std::string("another's tls.pem")) write(pem, to_pem(generation(2).identity.chain));
      if (what == std::string("a cut tls.pem")) fs::resize_file(pem, 1000);
      if (what != std::string("another's tls.pem") && what != std::string("a cut tls.pem")) fs::remove(pem);
      if (what == std::string("a directory")) fs::create_directory(pem);
      if (what == std::string("a link")) fs::create_symlink("tls.crt", pem);
      if (what == std::string("a FIFO")) REQUIRE(::mkfifo(pem.c_str(), 0600) == 0);
      CHECK(damage().find(pem.filename().string()) != std::string::npos);
      sample.deliver(first);
      CHECK(damage() == "");
      CHECK(is(sample.place().live(), first));
      CHECK(read(pem) == read(sample.file("tls.crt")) + read(sample.file("tls.key")));
    }
}

TEST_CASE("one of the pair that is gone is taken from tls.pem, and put back with the same generation") {
  for (const auto layout : layouts)
    for (const auto* gone : {"tls.key", "tls.crt"}) {
      CAPTURE(gone);
      const Sample sample(layout);
      const auto first = generation(1);
      sample.deliver(first);
      fs::remove(sample.file(gone));
      auto place = sample.place();
      CHECK(std::get<PairOnDisk>(place.look({ca().root()})).damage.find("there is no ") == 0);
      CHECK(is(place.live(), first));
      place.stage({*place.live(), {ca().root()}});
      place.swap(leaf_of(first));
      CHECK(std::get<PairOnDisk>(place.look({ca().root()})).damage == "");
      CHECK(fs::exists(sample.file(gone)));
      write(sample.file("tls.pem"), "");
      fs::remove(sample.file(gone));
      CHECK(std::holds_alternative<UnusableOnDisk>(sample.place().look({ca().root()})));
    }
}

TEST_CASE("a key that more may read than should is damaged; in given files that is the operator's business") {
  for (const auto layout : layouts)
    for (const auto* file : {"tls.key", "tls.pem"}) {
      const Sample sample(layout);
      const auto damage = [&] { return std::get<PairOnDisk>(sample.place().look({ca().root()})).damage; };
      const auto first = generation(1);
      sample.deliver(first);
      fs::permissions(sample.file(file), fs::perms(0400));
      CHECK(damage() == "");  // less is nobody's harm
      fs::permissions(sample.file(file), fs::perms(0644));
      CHECK(damage() == (layout == Layout::files ? "" : std::string(file) + " has mode 0644, not 0600"));
      if (layout == Layout::files) continue;
      sample.deliver(first);
      CHECK(damage() == "");
      CHECK(mode_of(sample.file(file)) == 0600);
    }
}

TEST_CASE("the configured mode and readers are no damage") {
  Sample sample(Layout::directory);
  const auto damage = [&] { return std::get<PairOnDisk>(sample.place().look({ca().root()})).damage; };
  sample.certificate.readers = {find_group("www-data").value()};
  sample.deliver(generation(1));
  CHECK(damage() == "");
  sample.certificate.readers.clear();
  CHECK(damage() == "tls.key has mode 0640, not 0600");
  sample.certificate.mode = 0640;
  CHECK(damage() == "");
}

TEST_CASE("a staged generation is damaged where the file system does not keep its modes") {
  const Sample sample(Layout::directory);
  auto place = sample.place();
  place.stage(generation(1));
  CHECK(place.damage_of_next() == "");
  fs::permissions(sample.next("tls.key"), fs::perms(0755));
  CHECK(place.damage_of_next() == "tls.key has mode 0755, not 0600");
}

TEST_CASE("what a run staged before it was killed is found by the next one") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto first = generation(1);
    sample.place().stage(first);
    CHECK(is(sample.place().staged(), first));
    sample.place().swap(std::nullopt);
    CHECK(is(sample.place().live(), first));
  }
}

TEST_CASE("of the directory layout the generation before stays beside it, and is not taken for a staged one") {
  const Sample sample(Layout::directory);
  const auto first = generation(1);
  sample.deliver(first);
  CHECK(!sample.place().has_leftovers());
  sample.deliver(generation(2));
  CHECK(is(sample.place().next(), first));
  CHECK(!sample.place().staged());
}

TEST_CASE("newer is what was issued later, also if it ends sooner") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto first = generation(1);
    const Generation shorter{ca().issue({.validity = {start + 1h, start + 2h}}), {ca().root()}};
    sample.deliver(first);
    sample.place().stage(shorter);
    CHECK(is(sample.place().staged(), shorter));
    sample.place().swap(leaf_of(first));
    CHECK(!sample.place().staged());
    CHECK(is(sample.place().previous(), first));
  }
}

TEST_CASE("what is not needed any more is removed, keys and all, and what is live stays") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    sample.deliver(generation(1));
    const auto second = generation(2);
    sample.deliver(second);
    auto place = sample.place();
    place.discard_next();
    place.discard_next();
    CHECK(!place.has_leftovers());
    CHECK(is(place.live(), second));
    const auto left = names_in(sample.configuration.live_parent());
    CHECK(left == (layout == Layout::directory ? std::set<std::string>{"web"} : std::set<std::string>{}));
  }
}

TEST_CASE("nothing is swapped when somebody changed the live pair meanwhile") {
  for (const auto layout : layouts) {
    const Sample sample(layout);
    const auto first = generation(1);
    const auto foreign = generation(2);
    auto place = sample.place();
    place.stage(generation(3));
    const auto swap_from = [&](const std::optional<Fingerprint>& replaced) {
      return kind_of_error([&] { place.swap(replaced); });
    };
    CHECK(swap_from(leaf_of(first)) == ErrorKind::conflict);  // it is gone
    fs::create_directories(sample.file("tls.crt").parent_path());
    write(sample.file("tls.crt"), to_pem(foreign.identity.chain));
    write(sample.file("tls.key"), std::string(foreign.identity.key.to_pem().reveal()));
    CHECK(swap_from(leaf_of(first)) == ErrorKind::conflict);
    CHECK(swap_from(std::nullopt) == ErrorKind::conflict);
    CHECK(is(place.live(), foreign));
    CHECK(place.staged());  // may be swapped in by who knows what is there
    place.swap(leaf_of(foreign));
    CHECK(!is(place.live(), foreign));
  }
}

TEST_CASE("half a pair, or one that does not match, is unusable, and never replaced") {
  for (const auto layout : layouts)
    for (const auto* what : {"no key", "no certificate", "another's key", "garbage"}) {
      CAPTURE(what);
      const Sample sample(layout);
      const auto first = generation(1);
      sample.deliver(first);
      if (what[0] == 'n') fs::remove(sample.file("tls.pem"));  // what is in there as well is not lost
      if (what == std::string("no key")) fs::remove(sample.file("tls.key"));
      if (what == std::string("no certificate")) fs::remove(sample.file("tls.crt"));
      if (what == std::string("another's key"))
        write(sample.file("tls.key"), std::string(generation(2).identity.key.to_pem().reveal()));
      if (what == std::string("garbage")) write(sample.file("tls.crt"), "garbage");
      CHECK(std::holds_alternative<UnusableOnDisk>(sample.place().look()));
      CHECK_THROWS_AS(sample.place().live(), Error);
      auto place = sample.place();
      place.stage(generation(3));
      CHECK_THROWS_AS(place.swap(leaf_of(first)), Error);
      CHECK_THROWS_AS(place.swap(std::nullopt), Error);
    }
}

TEST_CASE("a staged generation that is not whole is none") {
  for (const auto layout : layouts)
    for (const auto* what : {"no key", "another's key", "garbage"}) {
      CAPTURE(what);
      const Sample sample(layout);
      auto place = sample.place();
      place.stage(generation(1));
      if (what == std::string("no key")) fs::remove(sample.next("tls.key"));
      if (what == std::string("another's key"))
        write(sample.next("tls.key"), std::string(generation(2).identity.key.to_pem().reveal()));
      if (what == std::string("garbage")) write(sample.next("tls.crt"), "garbage");
      CHECK(!place.staged());
      CHECK(!place.next());
      place.discard_next();
      CHECK(!place.has_leftovers());
    }
}

TEST_CASE("a half-staged generation that a killed run left is ignored, and goes") {
  const Sample sample(Layout::directory);
  sample.deliver(generation(1));
  const auto partial = sample.configuration.live_parent() / ".web.partial";
  fs::create_directory(partial);
  write(partial / "tls.key", "half a k");
  CHECK(!sample.place().staged());
  const auto second = generation(2);
  sample.deliver(second);
  CHECK(is(sample.place().live(), second));
  sample.place().discard_next();
  CHECK(names_in(sample.configuration.live_parent()) == std::set<std::string>{"web"});
}

TEST_CASE("a delivery to given files that was cut between two renames is completed") {
  const Sample sample(Layout::files);
  sample.deliver(generation(1));
  const auto second = generation(2);
  auto place = sample.place();
  place.stage(second);
  fs::remove(sample.file("ca.crt"));
  {
    // As a crash would leave it: the last rename cannot be done, because there is a directory in its way.
    FileSet files({{sample.file("tls.crt"), file_mode::certificate},
                   {sample.file("tls.key"), file_mode::private_key},
                   {sample.file("tls.pem"), file_mode::private_key},
                   {sample.file("ca.crt"), file_mode::certificate}});
    files.write(0, read(sample.next("tls.crt")));
    files.write(1, read(sample.next("tls.key")));
    files.write(2, read(sample.next("tls.pem")));
    files.write(3, read(sample.next("ca.crt")));
    fs::create_directories(sample.file("ca.crt") / "in the way");
    CHECK_THROWS_AS(files.commit(), Error);
    fs::remove_all(sample.file("ca.crt"));
  }
  sample.place().recover();
  CHECK(is(sample.place().live(), second));
  CHECK(read(sample.file("ca.crt")) == ca().root().to_pem());
  CHECK(names_in(sample.directory / "given") == std::set<std::string>{"web.crt", "web.key", "web.pem", "ca.crt"});
}

TEST_CASE("the key can have a mode, and readers that nobody else becomes") {
  for (const auto layout : layouts) {
    Sample sample(layout);
    sample.certificate.readers = {find_group("www-data").value()};
    for (int number = 1; number <= 2; ++number) {  // the second replaces files with an ACL
      sample.deliver(generation(number));
      for (const auto* file : {"tls.key", "tls.pem"})
        CHECK(acl_of(sample.file(file)) == "user::rw- group::--- group:www-data:r-- mask::r-- other::---");
      for (const auto* file : {"tls.crt", "ca.crt"})
        CHECK(acl_of(sample.file(file)) == "user::rw- group::r-- other::r--");
    }
    sample.certificate.readers.clear();
    sample.certificate.mode = 0640;
    sample.certificate.files.reset();
    sample.deliver(generation(3));
    CHECK(acl_of(sample.file("tls.key")) == "user::rw- group::r-- other::---");
    CHECK(mode_of(sample.file("tls.pem")) == 0640);
    CHECK(mode_of(sample.file("tls.crt")) == 0644);
  }
}

TEST_CASE("given files keep their mode unless there is another one") {
  Sample sample(Layout::files);
  sample.deliver(generation(1));
  fs::permissions(sample.file("tls.key"), fs::perms(0640));
  sample.deliver(generation(2));
  CHECK(mode_of(sample.file("tls.key")) == 0640);
  sample.certificate.mode = 0400;
  sample.deliver(generation(3));
  CHECK(mode_of(sample.file("tls.key")) == 0400);
  CHECK(mode_of(sample.file("tls.crt")) == 0644);
}

TEST_CASE("root gives all files to their owner") {
  if (::geteuid() != 0) return;
  for (const auto layout : layouts) {
    Sample sample(layout);
    sample.certificate.owner = find_user("www-data");
    sample.deliver(generation(1));
    for (const auto* file : {"tls.crt", "tls.key", "tls.pem", "ca.crt"})
      CHECK(output_of("stat -c '%U %G' '" + sample.file(file).string() + "'") == "www-data root\n");
  }
}

TEST_CASE("only the given files are written") {
  Sample sample(Layout::files);
  sample.certificate.files = GivenFiles{sample.given("web.crt"), sample.given("web.key"), {}, {}};
  sample.deliver(generation(1));
  CHECK(names_in(sample.directory / "given") == std::set<std::string>{"web.crt", "web.key"});
}

TEST_CASE("that nothing can be written is found before the CA is asked, and looking leaves nothing behind") {
  for (const auto layout : layouts) {
    Sample sample(layout);
    sample.place().check_writable();
    CHECK(names_in(sample.configuration.live_parent()).empty());
    CHECK(names_in(sample.directory / "given").empty());
    if (layout == Layout::files)
      fs::remove(sample.directory / "given");
    else
      fs::remove(sample.configuration.live_parent());
    CHECK_THROWS_AS(sample.place().check_writable(), Error);
  }
}

TEST_CASE("given files in a directory that we may not pass are an error of storage") {
  const Sample sample(Layout::files);
  const Closed closed(sample.directory.path());
  CHECK(kind_of_error([&] { sample.place().recover(); }) == ErrorKind::storage);
  CHECK(kind_of_error([&] { sample.place().swap({}); }) == ErrorKind::storage);
}
