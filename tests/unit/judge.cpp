// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/judge.hpp>

#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/temporary_directory.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

namespace fs = std::filesystem;

const Time start = sys_days{2026y / January / 2};
const Time now = start + 16h;
const Validity old_one{start, start + 24h};
const Validity new_one{now, now + 24h};

const TestCa& ca() {
  static const TestCa authority;
  return authority;
}

enum class Layout { directory, files };

// A host whose proxy refuses to reload while one of the certificates in bad/ is in place, or a file "broken" is there.
// Each reload that worked leaves a line.
struct Host {
  explicit Host(Layout layout = Layout::directory) : layout_(layout) {
    state.create();
    for (const auto& name : {"live", "bad", "given"}) fs::create_directory(directory / name);
    configuration.proxies.emplace("nginx", proxy_by(R"(
      cd "$1" && ! [ -e broken ] || exit 1
      for bad in bad/*; do
        for live in live/*/tls.crt given/*.crt; do ! cmp -s "$bad" "$live" || { echo "$live is bad" >&2; exit 1; }; done
      done
      echo reloaded >>reloads)"));
  }

  Proxy proxy_by(const std::string& script) const {
    return {"nginx", ReloadByExec{{"sh", "-c", script, "reload", directory.path().string()}}};
  }
  const Proxy& proxy() const { return configuration.proxies.at("nginx"); }
  const ManagedCertificate& certificate(const std::string& name) const { return configuration.certificates.at(name); }
  Place place(const std::string& name) const { return {configuration, certificate(name)}; }
  Fingerprint live(const std::string& name) const { return place(name).live()->leaf().fingerprint(); }
  fs::path given(const std::string& name) const { return directory / "given" / name; }

  // Has the old one, and is delivered the new one; answers the new one's leaf.
  Fingerprint deliver(const std::string& name, const Validity& before = old_one,
                      std::vector<std::string> used_by = {"nginx"}) {
    ManagedCertificate one{.name = name, .used_by = std::move(used_by)};
    if (layout_ == Layout::files) one.files = GivenFiles{given(name + ".crt"), given(name + ".key"), {}, {}};
    configuration.certificates.emplace(name, one);
    const Generation first{ca().issue({.validity = before}), {ca().root()}};
    const Generation second{ca().issue({.validity = new_one}), {ca().root()}};
    place(name).stage(first);
    place(name).swap(std::nullopt);
    place(name).discard_next();
    place(name).stage(second);
    owe(state, configuration.certificates.at(name).used_by, {name, second.identity.leaf().fingerprint(), now});
    place(name).swap(first.identity.leaf().fingerprint());
    old[name] = first.identity.leaf().fingerprint();
    return second.identity.leaf().fingerprint();
  }
  void make_bad(const std::string& name) const { write(directory / "bad" / name, to_pem(place(name).live()->chain)); }

  // As everleafd does: reloads, and if that is refused, judges.
  Judgement refuse_and_judge(std::stop_token stop = {}) {
    const auto adoption = adopt(configuration, proxy(), state, now, {});
    REQUIRE(adoption.error);
    REQUIRE(adoption.error->kind() == ErrorKind::rejected);
    std::vector<std::string> refused;
    for (const auto& owed : adoption.account.owed) refused.push_back(owed.certificate);
    return judge(configuration, proxy(), refused, state, now, std::move(stop));
  }

  std::vector<std::string> owed() const {
    std::vector<std::string> names;
    for (const auto& one : state.proxy("nginx").owed) names.push_back(one.certificate);
    return names;
  }

  TemporaryDirectory directory{memory()};
  StateDirectory state{directory / "state"};
  Configuration configuration{.authority = {HttpsUrl::parse("https://ca.internal"), Fingerprint{}},
                              .state = directory.path()};
  std::map<std::string, Fingerprint> old;

 private:
  Layout layout_;
};

using Names = std::vector<std::string>;

Names names_of(const Judgement& judgement) {
  Names names;
  for (const auto& one : judgement.taken_back) names.push_back(one.certificate);
  return names;
}

}  // namespace

TEST_CASE("a certificate that a proxy refuses is taken back, and waits beside the one before it") {
  for (const auto layout : {Layout::directory, Layout::files}) {
    Host host(layout);
    const auto refused = host.deliver("web");
    host.make_bad("web");
    const auto judgement = host.refuse_and_judge();
    CHECK(names_of(judgement) == Names{"web"});
    CHECK(judgement.taken_back[0].deadline == old_one.not_after);
    CHECK(judgement.taken_back[0].withheld.reason.find("is bad") != std::string::npos);
    CHECK(!judgement.broken);
    CHECK(host.live("web") == host.old["web"]);
    CHECK(host.place("web").staged()->leaf().fingerprint() == refused);
    CHECK(host.state.withheld("web") == Withheld{refused, judgement.taken_back[0].withheld.reason, 1, now});
    CHECK(host.owed().empty());
    CHECK(host.state.proxy("nginx") == ProxyState{});
    CHECK(read(host.directory / "reloads") == "reloaded\n");
  }
}

TEST_CASE("a configuration that is broken for another reason keeps the new certificates and what is owed") {
  Host host;
  const auto web = host.deliver("web");
  const auto mail = host.deliver("mail");
  write(host.directory / "broken", "");
  const auto judgement = host.refuse_and_judge();
  CHECK(judgement.taken_back.empty());
  REQUIRE(judgement.broken);
  CHECK(host.live("web") == web);
  CHECK(host.live("mail") == mail);
  CHECK(host.owed() == Names{"web", "mail"});
  CHECK(host.state.proxy("nginx").failures == 1);
  CHECK(!host.state.withheld("web"));
  CHECK(!host.state.withheld("mail"));
  CHECK(!host.place("web").staged());
}

TEST_CASE("of many deliveries only the bad one is taken back; the others are adopted") {
  for (const std::string bad : {"a", "c", "e"}) {
    Host host;
    std::map<std::string, Fingerprint> delivered;
    for (const std::string name : {"a", "b", "c", "d", "e"}) delivered[name] = host.deliver(name);
    host.make_bad(bad);
    const auto judgement = host.refuse_and_judge();
    CHECK(names_of(judgement) == Names{bad});
    CHECK(judgement.adoption.adopted.size() == 4);
    CHECK(host.owed().empty());
    for (const auto& [name, leaf] : delivered) {
      CHECK(host.live(name) == (name == bad ? host.old[name] : leaf));
      CHECK(host.state.withheld(name).has_value() == (name == bad));
    }
  }
}

TEST_CASE("nothing is taken back for what is expired or about to be") {
  for (const auto& before : {Validity{start - 24h, start}, Validity{now - 22h, now + 2h}}) {
    Host host;
    const auto web = host.deliver("web", before);
    host.make_bad("web");
    const auto judgement = host.refuse_and_judge();
    CHECK(judgement.taken_back.empty());
    CHECK(!judgement.broken);
    CHECK(host.live("web") == web);
    CHECK(host.owed() == Names{"web"});
  }
}

TEST_CASE("nothing is taken back without an earlier one, or where somebody has changed the live one") {
  Host host;
  host.deliver("web");
  host.make_bad("web");
  host.place("web").discard_next();
  CHECK(host.refuse_and_judge().taken_back.empty());
  CHECK(host.owed() == Names{"web"});

  Host other;
  other.deliver("web");
  const auto foreign = ca().issue({.validity = old_one});
  write(other.directory / "live" / "web" / "tls.crt", to_pem(foreign.chain));
  write(other.directory / "live" / "web" / "tls.key", std::string(foreign.key.to_pem().reveal()));
  other.make_bad("web");
  CHECK(other.refuse_and_judge().taken_back.empty());
  CHECK(other.live("web") == foreign.leaf().fingerprint());
}

TEST_CASE("refused again, it is counted") {
  Host host;
  const auto leaf = host.deliver("web");
  host.make_bad("web");
  host.refuse_and_judge();
  owe(host.state, {"nginx"}, {"web", leaf, now});
  host.place("web").swap(host.old["web"]);
  CHECK(host.refuse_and_judge().taken_back[0].withheld.refusals == 2);
  CHECK(host.state.withheld("web")->refusals == 2);
}

TEST_CASE("what is taken back is owed by the other proxies that use it") {
  Host host;
  host.configuration.proxies.emplace("haproxy", Proxy{"haproxy", NoReload{}});
  host.deliver("web", old_one, {"nginx", "haproxy"});
  host.state.store("haproxy", ProxyState{});  // it has taken up the new one
  host.make_bad("web");
  CHECK(host.refuse_and_judge().disturbed == Names{"haproxy"});
  CHECK(host.state.proxy("haproxy").owed == std::vector<Obligation>{{"web", host.old["web"], now}});
}

TEST_CASE("a proxy that does not answer during the search proves nothing: all is as it was delivered") {
  Host host;
  const auto web = host.deliver("web");
  host.make_bad("web");
  auto& proxy = host.configuration.proxies.at("nginx");
  proxy = host.proxy_by("[ -e \"$1/asked\" ] && exec sleep 60; touch \"$1/asked\"; exit 1");
  proxy.time_limit = 50ms;
  CHECK(kind_of_error([&] { host.refuse_and_judge(); }) == ErrorKind::hook);
  CHECK(host.live("web") == web);
  CHECK(host.owed() == Names{"web"});
  CHECK(!host.state.withheld("web"));
}

TEST_CASE("a stop during the search leaves all as it was delivered") {
  Host host;
  const auto web = host.deliver("web");
  host.make_bad("web");
  std::stop_source stop;
  stop.request_stop();
  CHECK(kind_of_error([&] { host.refuse_and_judge(stop.get_token()); }) == ErrorKind::cancelled);
  CHECK(host.live("web") == web);
  CHECK(host.owed() == Names{"web"});
  CHECK(!host.state.withheld("web"));
}

TEST_CASE("a search that takes too long proves nothing: all is as it was delivered") {
  Host host;
  const std::string names = "abcdefgh";
  for (const char name : names) host.deliver(std::string(1, name));
  write(host.directory / "broken", "");
  auto& proxy = host.configuration.proxies.at("nginx");
  proxy = host.proxy_by("sleep 0.06; exit 1");
  proxy.time_limit = 100ms;
  std::vector<std::string> refused;
  for (const char name : names) refused.emplace_back(1, name);
  CHECK(kind_of_error([&] { judge(host.configuration, proxy, refused, host.state, now, {}); }) == ErrorKind::hook);
  for (const char name : names) CHECK(host.live(std::string(1, name)) != host.old[std::string(1, name)]);
}

TEST_CASE("a pair that somebody has damaged does not keep the search from the others") {
  Host host;
  host.deliver("web");
  host.deliver("mail");
  host.make_bad("web");
  write(host.directory / "live" / "mail" / "tls.key", "nothing");
  CHECK(names_of(host.refuse_and_judge()) == Names{"web"});
}

TEST_CASE("what is mended before the search begins blames nobody") {
  Host host;
  const auto web = host.deliver("web");
  write(host.directory / "broken", "");
  const auto adoption = adopt(host.configuration, host.proxy(), host.state, now, {});
  REQUIRE(adoption.error);
  std::filesystem::remove(host.directory / "broken");
  const auto judgement = judge(host.configuration, host.proxy(), {"web"}, host.state, now, {});
  CHECK(judgement.taken_back.empty());
  CHECK(!judgement.broken);
  CHECK(judgement.adoption.adopted.size() == 1);
  CHECK(host.live("web") == web);
  CHECK(host.owed().empty());
}
