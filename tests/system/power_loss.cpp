// SPDX-License-Identifier: Apache-2.0
// The power is cut at every system call of a delivery.
#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/state/state_directory.hpp>
#include <tests/support/kill_at_syscall.hpp>
#include <tests/support/power.hpp>
#include <tests/support/test_ca.hpp>
#include "agent/file_passes.hpp"

using namespace everleaf;
using namespace everleaf::agent;
using namespace everleaf::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

enum class Layout { directory, given_files };
enum class Before { nothing, a_pair };

Generation generation(const TestCa& ca, std::chrono::hours lifetime) {
  return {ca.issue({.validity = {system_now() - 1h, system_now() + lifetime}}), {ca.root()}};
}

Fingerprint leaf_of(const Generation& one) { return one.identity.leaf().fingerprint(); }

// A certificate and its proxy. Given files are on a disk of their own: there the order in which the two disks are
// synced matters, too.
class Host {
 public:
  Host(Layout layout, Before before) : layout_(layout), before_(before) {
    configuration_.state = disk_.path() / "var";
    auto& certificate = configuration_.certificates["web"] = ManagedCertificate{.name = "web", .used_by = {"front"}};
    if (layout_ == Layout::given_files)
      certificate.files = GivenFiles{given("tls.crt"), given("tls.key"), given("tls.pem"), given("ca.crt")};
    configuration_.proxies["front"] = {"front", NoReload{}};
  }
  explicit operator bool() const { return disk_ && other_disk_; }

  void prepare() {
    fs::remove_all(configuration_.state);
    fs::remove_all(given(""));
    fs::create_directories(given(""));
    fs::create_directories(configuration_.live_parent());
    state().create();
    if (before_ == Before::a_pair) {
      place().stage(old_);
      place().swap(std::nullopt);
      place().discard_next();
    }
    sync();
  }
  void sync() const {
    disk_.sync();
    other_disk_.sync();
  }
  void cut_power() {
    disk_.cut_power();
    if (layout_ == Layout::given_files) other_disk_.cut_power();
  }

  // What everleafd does, in its three steps.
  void stage() { place().stage(new_); }
  void swap() { succeeds(passes_.swap(configuration_, certificate(), {leaf_of(new_), live_before()})); }
  void adopt() {
    passes_.adopt(configuration_, configuration_.proxies.at("front"), {});
    succeeds(tend());
  }

  // Where it starts again. Returns whether there was something staged.
  bool start_again() {
    const StateInUse in_use(configuration_);
    if (layout_ == Layout::directory) CHECK((is_old() || is_new()));  // before anything is mended
    const auto result = tend();
    succeeds(result);
    CHECK((is_old() || is_new()));
    return result.staged.has_value();
  }
  void finish() {
    const auto result = tend();
    if (result.staged) succeeds(passes_.swap(configuration_, certificate(), *result.staged));
    const bool delivered = is_new();
    adopt();
    CHECK(is_new() == delivered);
    CHECK(state().proxy("front").owed.empty());
    const bool has_live = layout_ == Layout::directory && (delivered || before_ == Before::a_pair);
    CHECK(names_in(configuration_.live_parent()) == (has_live ? Names{"web"} : Names{}));
    for (const auto& directory : {configuration_.state / "state", given("")})
      for (const auto& name : names_in(directory)) CHECK_MESSAGE(!name.starts_with("."), name);
  }

  bool is_new() const { return is(new_); }
  bool is_old() const { return before_ == Before::a_pair ? is(old_) : !place().live(); }
  bool owes_the_new_one() const {
    const auto owed = state().proxy("front").owed;
    return owed.size() == 1 && owed.front().leaf == leaf_of(new_);
  }

 private:
  fs::path given(const std::string& name) const { return other_disk_.path() / "given" / name; }
  const ManagedCertificate& certificate() const { return configuration_.certificates.at("web"); }
  Place place() const { return {configuration_, certificate()}; }
  StateDirectory state() const { return StateDirectory(configuration_.state / "state"); }
  std::optional<Fingerprint> live_before() const {
    return before_ == Before::a_pair ? std::optional(leaf_of(old_)) : std::nullopt;
  }
  CertificateResult tend() { return passes_.tend(configuration_, certificate(), {}); }
  bool is(const Generation& one) const {
    const auto live = place().live();
    return live && live->chain == one.identity.chain && live->key == one.identity.key;
  }
  // A first certificate that is not there yet cannot be enrolled here.
  void succeeds(const CertificateResult& result) const {
    if (!result.failed || (before_ == Before::nothing && !place().live())) return;
    std::string said;
    for (const auto& event : result.events)
      for (const auto& [key, value] : event.fields) said += key + "=" + value + " ";
    throw Error(ErrorKind::storage, said);
  }

  Layout layout_;
  Before before_;
  Ext4Disk disk_;
  Ext4Disk other_disk_;
  TestCa ca_;
  Generation old_ = generation(ca_, 23h);
  Generation new_ = generation(ca_, 24h);
  Configuration configuration_{.authority = {HttpsUrl::parse("https://ca.internal"), Fingerprint{}}};
  FilePasses passes_{1};
};

using Action = std::function<void()>;

// `check(completed, staged)` sees what is there once it was started again.
void cut_power_at_every_call(Host& host, const Action& prepare, const Action& work,
                             const std::function<void(bool, bool)>& check) {
  const auto prepare_and_sync = [&] {
    host.prepare();
    prepare();
    host.sync();
  };
  const auto calls = at_every_file_change(0, prepare_and_sync, work, [&](const Outcome& outcome) {
    CAPTURE(outcome.calls);
    CHECK(outcome.error == "");
    REQUIRE(outcome.end == (outcome.struck() ? End::killed : End::finished));
    host.cut_power();
    const bool staged = host.start_again();
    check(!outcome.struck(), staged);
    host.finish();
  });
  CHECK(calls >= 5);
}

void cut_power_in_a_delivery(Layout layout, Before before) {
  Host host(layout, before);
  if (!host) {
    MESSAGE("left out: a file system in a file cannot be mounted here");
    return;
  }
  cut_power_at_every_call(
      host, [] {}, [&] { host.stage(); },
      [&](bool completed, bool staged) {
        CHECK(host.is_old());
        if (completed) CHECK(staged);
      });
  cut_power_at_every_call(
      host, [&] { host.stage(); }, [&] { host.swap(); },
      [&](bool completed, bool staged) {
        CHECK((host.is_new() ? host.owes_the_new_one() : staged));
        if (completed) CHECK(host.is_new());
      });
  const auto deliver = [&] {
    host.stage();
    host.swap();
  };
  cut_power_at_every_call(
      host, deliver, [&] { host.adopt(); }, [&](bool, bool) { CHECK(host.is_new()); });
}

}  // namespace

TEST_CASE("a power loss in a delivery to a live directory leaves the old pair or the new one, and what is owed") {
  cut_power_in_a_delivery(Layout::directory, Before::a_pair);
}
TEST_CASE("a power loss in a first delivery to a live directory leaves nothing or the new pair, and what is owed") {
  cut_power_in_a_delivery(Layout::directory, Before::nothing);
}
TEST_CASE("a power loss in a delivery to given files leaves the old pair or the new one, and what is owed") {
  cut_power_in_a_delivery(Layout::given_files, Before::a_pair);
}
TEST_CASE("a power loss in a first delivery to given files leaves nothing or the new pair, and what is owed") {
  cut_power_in_a_delivery(Layout::given_files, Before::nothing);
}
