// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/trust.hpp>

#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/temporary_directory.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

using Roots = std::vector<Certificate>;

const Time now = sys_days{2026y / January / 2};
const Certificate a = TestCa("A").root();
const Certificate b = TestCa("B").root();
const Certificate c = TestCa("C").root();

Certificate root_valid(Time from, Time to) {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const Recipe recipe{
      .subject = "Root", .names = "", .usages = "", .constraints = "critical,CA:TRUE", .validity = {from, to}};
  return make_certificate(recipe, key, key, nullptr);
}

Trust trust_in(const Roots& roots) {
  Trust trust{roots, {}};
  for (const auto& root : roots) trust.state.listed[root.fingerprint()] = now;
  trust.state.longest = 24h;
  return trust;
}

// A host with a configuration and a state, and no CA that could be asked.
struct Host {
  TemporaryDirectory directory{memory()};
  StateDirectory state{directory / "everleaf" / "state"};
  std::filesystem::path file = directory / "roots.crt";
  Authority authority{.url = HttpsUrl::parse("https://127.0.0.1:1"), .root = file};

  explicit Host(const Roots& roots) {
    state.create();
    configure(roots);
  }
  void configure(const Roots& roots) const { write(file, to_pem(roots)); }
  Trust trusted(Time when = now) const { return trusted_roots(authority, state, when, {}); }
};

}  // namespace

TEST_CASE("all roots of the configured file are trusted, and kept") {
  const Host host({a, b});
  CHECK(host.trusted().roots == Roots{a, b});
  CHECK(host.state.roots() == Roots{a, b});
  CHECK(!host.trusted().state.grew);
  CHECK(is_settled(host.authority, host.trusted()));
}

TEST_CASE("a root that is configured later is added, one that is configured no more goes") {
  const Host host({a});
  host.trusted();
  host.configure({a, b});
  CHECK(!is_settled(host.authority, stored_trust(host.state)));
  CHECK(host.trusted(now + 1h).roots == Roots{a, b});
  CHECK(host.trusted().state.grew == now + 1h);
  host.configure({b});
  CHECK(host.trusted(now + 2h).roots == Roots{b});
  CHECK(host.trusted().state.grew == now + 1h);
  host.configure({c});
  CHECK(host.trusted().roots == Roots{c});
}

TEST_CASE("a fingerprint that no CA has yet is waited for, but one has to be known") {
  Host host({a});
  host.trusted();
  host.authority.root = a.fingerprint();
  host.authority.more_roots = {b.fingerprint()};
  const auto trust = host.trusted(now + 1h);
  CHECK(trust.roots == Roots{a});
  CHECK(trust.missing.find("127.0.0.1:1") != std::string::npos);
  CHECK(stored_trust(host.state).state.sought.when == now + 1h);
  CHECK(!is_settled(host.authority, stored_trust(host.state)));
  host.authority.root = c.fingerprint();
  host.authority.more_roots = {};
  CHECK(kind_of_error([&] { host.trusted(); }) == ErrorKind::connection);
  CHECK(host.state.roots() == Roots{a});
  host.authority.root = a.fingerprint();
  CHECK(host.trusted().missing.empty());
}

TEST_CASE("what is stopped while it looks for a root is stopped") {
  Host host({a});
  host.trusted();
  host.authority.more_roots = {b.fingerprint()};
  std::stop_source stop;
  stop.request_stop();
  CHECK(kind_of_error([&] { trusted_roots(host.authority, host.state, now, stop.get_token()); }) ==
        ErrorKind::cancelled);
}

TEST_CASE("what was taken by following outlives the configured one; another CA does not inherit it") {
  Host host({a});
  host.authority.roots = RootsRule::follow;
  auto trust = host.trusted();
  trust.roots = {b};  // the CA has changed over
  host.state.store_roots(trust.roots);
  CHECK(host.trusted().roots == Roots{b});
  CHECK(is_settled(host.authority, stored_trust(host.state)));
  host.configure({b});
  CHECK(host.trusted().roots == Roots{b});
  host.configure({c});
  CHECK(host.trusted().roots == Roots{c});
}

TEST_CASE("without what is known of the roots they are trusted all the same") {
  const Host host({a});
  host.trusted();
  write(host.directory / "everleaf" / "state" / "roots.json", "no JSON");
  CHECK(host.trusted().roots == Roots{a});
  CHECK(host.state.roots_state().seeds == std::set{a.fingerprint()});
}

TEST_CASE("pinned, new roots are reported and nothing is changed") {
  auto trust = trust_in({a});
  const auto listing = heed(trust, {a, b}, RootsRule::pinned, now);
  CHECK(listing.offered == Roots{b});
  CHECK(listing.taken.empty());
  CHECK(trust.roots == Roots{a});
  CHECK(trust.state.asked == now);
  heed(trust, {b}, RootsRule::pinned, now + 8760h);
  CHECK(trust.roots == Roots{a});
}

TEST_CASE("following, new roots are taken and counted") {
  auto trust = trust_in({a});
  CHECK(heed(trust, {a, b, b}, RootsRule::follow, now).taken == Roots{b});
  CHECK(trust.roots == Roots{a, b});
  CHECK(trust.state.grew == now);
  CHECK(trust.state.taken == 1);
  CHECK(heed(trust, {b, a}, RootsRule::follow, now + 1h).taken.empty());
  CHECK(trust.state.grew == now);
}

TEST_CASE("a list without any of ours, or a very long one, changes nothing") {
  for (const auto& listed : {Roots{b}, Roots{b, c}, Roots(100, a)}) {
    auto trust = trust_in({a});
    CHECK(heed(trust, listed, RootsRule::follow, now).is_foreign);
    CHECK(trust.roots == Roots{a});
  }
}

TEST_CASE("what is no root, or not valid now, is not taken") {
  const TestCa ca;
  for (const auto& no_root :
       {ca.intermediate(), ca.issue().leaf(), root_valid(now - 48h, now - 1h), root_valid(now + 1h, now + 48h)}) {
    auto trust = trust_in({a});
    CHECK(heed(trust, {a, no_root}, RootsRule::follow, now).taken.empty());
    CHECK(trust.roots == Roots{a});
  }
}

TEST_CASE("a root that is listed no more stays for the longest lifetime and a week") {
  auto trust = trust_in({a, b});
  const auto latest = now + 24h + days(7);
  CHECK(heed(trust, {b}, RootsRule::follow, latest).dropped.empty());
  CHECK(heed(trust, {b}, RootsRule::follow, latest + 1s).dropped == Roots{a});
  CHECK(trust.roots == Roots{b});
  CHECK(heed(trust, {b}, RootsRule::follow, latest + 8760h).dropped.empty());
}

TEST_CASE("a root that expired goes, unless it is the last") {
  const auto old = root_valid(now - 48h, now + 1h);
  auto trust = trust_in({old, b});
  CHECK(heed(trust, {old, b}, RootsRule::follow, now).dropped.empty());
  CHECK(heed(trust, {old, b}, RootsRule::follow, now + 1h).dropped == Roots{old});
  auto alone = trust_in({old});
  CHECK(heed(alone, {old}, RootsRule::follow, now + 1h).dropped.empty());
}
