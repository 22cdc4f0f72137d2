// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.hpp"

#include <doctest/doctest.h>

#include <random>

#include <tests/support/virtual_host.hpp>

using namespace everleaf;
using namespace everleaf::agent;
using namespace std::chrono;

namespace {

// Everything has been looked at once, and is fine.
void settle(VirtualHost& host, const VirtualHost::UsedBy& certificates) {
  host.use(certificates);
  host.finish_all();
  host.journal.clear();
}

// These find a new certificate when they are looked at, which they are now.
void renew(VirtualHost& host, const std::set<std::string>& certificates) {
  host.renewable = certificates;
  host.agent.replan();
}

using Journal = std::vector<std::string>;

}  // namespace

TEST_CASE("everything is looked at once at the start, then after the time it asked for") {
  VirtualHost host;
  host.use({{"mail", {}}, {"web", {"nginx"}}});
  host.finish_all();
  CHECK(std::set<std::string>(host.journal.begin(), host.journal.end()) ==
        std::set<std::string>{"look nginx", "tend mail", "tend web"});
  CHECK(host.journal.size() == 3);
  host.run_for(VirtualHost::look_again - 1s);
  CHECK(host.journal.size() == 3);
  host.run_for(1s);
  CHECK(host.journal.size() == 5);
}

TEST_CASE("an idle agent has one alarm set, for what is due next, and does not wake before it") {
  VirtualHost host;
  host.use({{"web", {"nginx"}}});
  host.finish_all();
  CHECK(host.clock.alarm() == host.clock.now() + VirtualHost::look_again);
  host.run_for(24h);
  CHECK(host.rings == 24);
}

TEST_CASE("a new certificate is swapped in, adopted once the settle window is over, and looked at again") {
  VirtualHost host;
  settle(host, {{"web", {"nginx"}}});
  renew(host, {"web"});
  host.run_for(0s);
  CHECK(host.journal == Journal{"look nginx", "tend web", "swap web", "tend web"});
  host.journal.clear();
  host.run_for(Agent::settle_window - 1s);
  CHECK(host.journal.empty());
  host.run_for(1s);
  CHECK(host.journal == Journal{"reload nginx", "tend web"});  // the second look removes the previous generation
}

TEST_CASE("several deliveries within the settle window are one reload") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}, {"c", {"nginx", "haproxy"}}});
  renew(host, {"a", "b", "c"});
  host.run_for(1min);
  CHECK(host.count("reload nginx") == 1);
  CHECK(host.count("reload haproxy") == 1);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("later deliveries do not prolong the settle window") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}});
  host.renewable = {"a", "b"};
  host.agent.replan();
  host.finish("look nginx");
  host.finish("tend a");
  host.finish("swap a");
  host.stall_for(1s);
  host.finish("tend b");
  host.finish("swap b");
  host.stall_for(1s);
  CHECK(host.is_under_way("reload nginx"));
}

TEST_CASE("a proxy whose window is over is reloaded before anything else is swapped under it") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}, {"c", {"nginx"}}});
  renew(host, {"a", "b", "c"});
  host.finish("look nginx");
  for (const auto* name : {"tend a", "swap a", "tend b"}) host.finish(name);
  host.stall_for(3s);  // swap b is slow
  host.finish("tend c");
  CHECK(host.is_under_way("swap b"));
  host.finish("swap b");
  CHECK(host.is_under_way("reload nginx"));
  CHECK(!host.is_under_way("swap c"));
  host.run_for(1min);
  CHECK(host.count("reload nginx") == 2);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("a swap waits until all proxies of the certificate have reloaded, and happens then") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"haproxy", "nginx"}}, {"c", {"haproxy"}}});
  host.owed["nginx"] = {"a"};
  renew(host, {"b", "c"});
  for (const auto* name : {"look haproxy", "tend b", "tend c"}) host.finish(name);
  CHECK(host.is_under_way("reload nginx"));
  CHECK(host.is_under_way("swap c"));
  host.finish("swap c");
  CHECK(!host.is_under_way("swap b"));
  host.finish("reload nginx");
  CHECK(host.is_under_way("swap b"));
  host.run_for(1min);
  CHECK(host.count("swap b") == 1);
  CHECK(host.owed["nginx"].empty());
  CHECK(host.owed["haproxy"].empty());
}

TEST_CASE("a reload that failed is tried again at its time, until it works") {
  VirtualHost host;
  settle(host, {{"web", {"nginx"}}});
  host.refusing = {"nginx"};
  renew(host, {"web"});
  host.run_for(Agent::settle_window);
  CHECK(host.count("reload nginx") == 1);
  host.run_for(host.retry_reload - 1s);
  CHECK(host.count("reload nginx") == 1);
  host.run_for(1s);
  CHECK(host.count("reload nginx") == 2);
  host.refusing.clear();
  host.run_for(1h);
  CHECK(host.count("reload nginx") == 3);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("reloads that failed and now hang leave a worker for the others") {
  VirtualHost host;
  settle(host, {{"a", {"hung"}}, {"b", {"stuck"}}, {"c", {"nginx"}}});
  host.refusing = {"hung", "stuck"};
  renew(host, {"a", "b"});
  host.run_for(Agent::settle_window);
  host.stall_for(host.retry_reload);
  REQUIRE(host.under_way() == Journal{"reload hung"});
  CHECK(host.agent.renew("c"));
  for (const auto* name : {"tend c", "swap c", "tend c"}) host.finish(name);
  host.stall_for(Agent::settle_window);
  CHECK(host.under_way() == Journal{"reload hung", "reload nginx"});
  host.finish("reload hung");
  host.finish("tend a");
  CHECK(host.under_way() == Journal{"reload nginx", "reload stuck"});
  host.finish_all();
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("a new delivery does not wait for the retry of an older one") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}});
  host.refusing = {"nginx"};
  host.retry_reload = 8h;
  renew(host, {"a"});
  host.run_for(Agent::settle_window);
  REQUIRE(host.count("reload nginx") == 1);
  host.refusing.clear();
  host.renewable = {"b"};
  host.run_for(VirtualHost::look_again + Agent::settle_window);
  CHECK(host.count("swap b") == 1);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("a delivery that failed reloads nobody") {
  VirtualHost host;
  settle(host, {{"web", {"nginx"}}});
  host.undeliverable = {"web"};
  renew(host, {"web"});
  host.run_for(10min);
  CHECK(host.count("swap web") == 1);
  CHECK(host.count("reload nginx") == 0);
  host.undeliverable.clear();
  host.run_for(1h);
  CHECK(host.count("swap web") == 2);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("what a swap that failed halfway still owes is taken up when a pass has seen it") {
  VirtualHost host;
  host.use({{"web", {"nginx"}}});
  host.half_deliverable = {"web"};
  host.renewable = {"web"};
  host.agent.replan();
  host.run_for(0s);
  REQUIRE(host.count("swap web") == 1);
  host.run_for(VirtualHost::look_again);
  CHECK(host.count("reload nginx") == 1);
  CHECK(host.owed["nginx"].empty());
  host.run_for(VirtualHost::look_again);
  CHECK(host.count("reload nginx") == 1);
}

TEST_CASE("proxies that fail and hang take turns") {
  VirtualHost host;
  VirtualHost::UsedBy used_by;
  for (const auto* name : {"a", "b", "c", "d"}) used_by["for " + std::string(name)] = {name};
  host.use(used_by);
  for (const auto& [certificate, proxies] : used_by) {
    host.refusing.insert(proxies.front());
    host.renewable.insert(certificate);
  }
  host.agent.replan();
  host.run_for(Agent::settle_window);
  host.journal.clear();
  for (int i = 0; i < 80; ++i) {  // each hangs for longer than the time until the first is tried again
    host.stall_for(2 * host.retry_reload);
    host.finish(host.under_way().front());
  }
  for (const auto* name : {"a", "b", "c", "d"}) CHECK(host.count("reload " + std::string(name)) > 5);
  host.refusing.clear();
  host.finish_all();
}

TEST_CASE("while a proxy that fails waits for its turn, what others use is swapped in") {
  VirtualHost host;
  host.use({{"one", {"a"}}, {"two", {"b"}}, {"shared", {"b", "c"}}});
  host.refusing = {"a", "b"};
  host.renewable = {"one", "two"};
  host.agent.replan();
  host.run_for(Agent::settle_window);
  host.stall_for(host.retry_reload);
  REQUIRE(host.under_way() == Journal{"reload a"});
  host.renewable = {"shared"};
  host.agent.renew("shared");
  host.finish("tend shared");
  CHECK(host.is_under_way("swap shared"));
  host.refusing.clear();
  host.finish_all();
}

TEST_CASE("when a proxy does not reload, what it uses is looked at: it may lack a file") {
  VirtualHost host;
  settle(host, {{"web", {"nginx"}}, {"mail", {"nginx"}}, {"other", {}}});
  host.refusing = {"nginx"};
  renew(host, {"web"});
  host.journal.clear();
  host.run_for(Agent::settle_window);
  CHECK(host.journal == Journal{"swap web", "tend web", "reload nginx", "tend mail", "tend web"});
}

TEST_CASE("what expired and cannot be renewed does not hold up what can still be saved") {
  VirtualHost host(1);
  host.complaint = "no token";
  host.attempts.last_kind = ErrorKind::hook;
  host.expires = {{"a", host.clock.now() - 1h}, {"b", host.clock.now() - 1h}, {"web", host.clock.now() + 48h}};
  host.use({{"a", {}}, {"b", {}}, {"web", {}}});
  host.finish_all();
  host.agent.replan();
  CHECK(host.under_way() == Journal{"tend web"});
  host.finish_all();
  host.attempts.last_kind = ErrorKind::connection;  // but the CA may be back
  host.agent.replan();
  host.finish_all();
  host.agent.replan();
  CHECK(host.under_way() == Journal{"tend a"});
  host.finish_all();
}

TEST_CASE("a new configuration lets what failed be tried again, a start does not") {
  VirtualHost host;
  host.use({{"web", {}}});
  host.finish_all();
  CHECK(host.forgiven.empty());
  host.use({{"web", {}}});
  host.finish_all();
  CHECK(host.forgiven == std::set<std::string>{"web"});
  host.forgiven.clear();
  host.run_for(VirtualHost::look_again);
  CHECK(host.forgiven.empty());
}

TEST_CASE("a proxy that was removed during its reload does not fail for ever") {
  VirtualHost host;
  host.use({{"web", {"nginx"}}});
  host.finish_all();
  std::size_t failing = 0;
  host.agent.on_change([&](const Outlook& outlook) { failing = outlook.failing; });
  host.refusing = {"nginx"};
  host.renewable = {"web"};
  host.agent.replan();
  host.run_for(0s);
  host.clock.set(host.clock.now() + Agent::settle_window);
  host.agent.run_due();
  REQUIRE(host.is_under_way("reload nginx"));
  host.use({{"web", {}}});
  host.finish_all();
  CHECK(failing == 0);
}

TEST_CASE("a certificate has at most one pass under way; what comes meanwhile makes it be looked at again") {
  VirtualHost host;
  host.use({{"web", {}}});
  host.agent.replan();
  host.agent.replan();
  CHECK(host.under_way() == Journal{"tend web"});
  host.finish("tend web");
  CHECK(host.under_way() == Journal{"tend web"});
  host.finish("tend web");
  CHECK(host.under_way().empty());
}

TEST_CASE("no more than so many are at the CA at a time, the most urgent first, and nobody is forgotten") {
  VirtualHost host;
  VirtualHost::UsedBy certificates;
  for (const std::string name : {"a", "b", "c", "d", "e", "f"}) {
    certificates[name] = {};
    host.expires[name] = host.clock.now() + 24h - minutes(name[0]);
  }
  settle(host, certificates);
  host.agent.replan();
  CHECK(host.under_way() == Journal{"tend f", "tend e", "tend d", "tend c"});
  host.finish("tend d");
  CHECK(host.under_way() == Journal{"tend f", "tend e", "tend c", "tend b"});
  host.finish_all();
  CHECK(host.journal.size() == 6);
}

TEST_CASE("while no worker is free there is no alarm for what waits for one") {
  VirtualHost host(1);
  host.use({{"a", {}}, {"b", {}}});
  host.stall_for(10min);
  CHECK(host.rings == 0);
  host.finish("tend a");
  CHECK(host.is_under_way("tend b"));
}

TEST_CASE("a silent CA does not hold up a reload") {
  VirtualHost host(2);
  host.owed["nginx"] = {"web"};
  host.use({{"a", {}}, {"b", {}}, {"web", {"nginx"}}});
  CHECK(host.under_way() == Journal{"tend a", "tend b", "reload nginx"});
}

TEST_CASE("proxies that hang do not hold up the swap of a certificate that they do not use") {
  VirtualHost host;
  settle(host, {{"a", {"apache"}}, {"b", {"haproxy"}}, {"web", {"nginx"}}});
  renew(host, {"a", "b"});
  for (const auto* name :
       {"look apache", "look haproxy", "look nginx", "tend a", "swap a", "tend b", "swap b", "tend web"})
    host.finish(name);
  host.finish("tend a");
  host.finish("tend b");
  host.stall_for(Agent::settle_window);
  REQUIRE(host.is_under_way("reload apache"));
  REQUIRE(host.is_under_way("reload haproxy"));
  host.renewable = {"web"};
  host.stall_for(VirtualHost::look_again);
  host.finish("tend web");
  CHECK(host.is_under_way("swap web"));
}

TEST_CASE("a new configuration adds, keeps and removes") {
  VirtualHost host;
  settle(host, {{"old", {"apache"}}, {"web", {"nginx"}}});
  host.use({{"new", {}}, {"web", {"nginx"}}});
  host.finish_all();
  CHECK(host.count("tend new") == 1);
  CHECK(host.count("tend web") == 1);
  host.run_for(24h);
  CHECK(host.count("tend old") == 0);
  CHECK(host.count("look apache") == 0);
  CHECK(host.count("tend new") == 25);
}

TEST_CASE("a certificate removed during its pass is dropped with what came of it") {
  VirtualHost host;
  host.renewable = {"old"};
  host.use({{"old", {"nginx"}}, {"web", {"nginx"}}});
  host.use({{"web", {"nginx"}}});
  host.run_for(24h);
  CHECK(host.count("tend old") == 1);
  CHECK(host.count("swap old") == 0);
}

TEST_CASE("a certificate removed while it waits for its swap is not swapped in; back again, it is") {
  VirtualHost host;
  settle(host, {{"old", {"nginx"}}, {"web", {"nginx"}}});
  host.owed["nginx"] = {"web"};
  renew(host, {"old"});
  host.finish("tend old");  // and nginx is reloading
  host.use({{"web", {"nginx"}}});
  host.run_for(24h);
  CHECK(host.count("swap old") == 0);
  host.use({{"old", {"nginx"}}, {"web", {"nginx"}}});
  host.run_for(1min);
  CHECK(host.count("swap old") == 1);
  CHECK(host.owed["nginx"].empty());
}

TEST_CASE("a certificate that waits for its swap is swapped in as it was found, also after a step of the clock") {
  VirtualHost host;
  settle(host, {{"web", {"nginx"}}});
  host.owed["nginx"] = {"web"};
  renew(host, {"web"});
  host.finish("tend web");
  host.journal.clear();
  host.step_clock(-1h);  // a look now would take for live what somebody put there since
  host.finish("reload nginx");
  host.run_for(1min);
  CHECK(host.journal == Journal{"look nginx", "swap web", "tend web", "reload nginx", "tend web"});
}

TEST_CASE("a certificate that came back during the pass of its former self is looked at again") {
  VirtualHost host;
  host.use({{"web", {}}});
  host.use({});
  host.use({{"web", {"nginx"}}});
  host.finish_all();
  CHECK(host.count("tend web") == 2);
}

TEST_CASE("what was under way for a removed proxy is finished, and no more begun") {
  VirtualHost host;
  host.owed["apache"] = {"web"};
  host.refusing = {"apache"};
  host.use({{"web", {"apache"}}});
  host.use({{"web", {}}});
  host.run_for(24h);
  CHECK(host.count("reload apache") == 1);
}

TEST_CASE("after a step of the clock everything is looked at once, and then at its new time") {
  for (const seconds step : {seconds(-8760h), seconds(-1h), seconds(-1s), seconds(1s), seconds(8760h)}) {
    VirtualHost host;
    settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}});
    host.step_clock(step);
    host.finish_all();
    CHECK(host.journal.size() == 3);
    CHECK(host.clock.alarm() == host.clock.now() + VirtualHost::look_again);
    host.run_for(VirtualHost::look_again - 1s);
    CHECK(host.journal.size() == 3);
  }
}

TEST_CASE("what is wrong with a certificate that has to wait is said when that changes") {
  VirtualHost host;
  host.renewal = host.clock.now() + 100h;
  host.use({{"web", {}}});
  host.finish_all();
  const auto said = [&] {
    std::string names;
    for (const auto& event : host.log)
      if (event.name == "waiting" || event.name == "retrying") names += event.name[0];
    return names;
  };
  CHECK(said() == "w");
  host.complaint = "it is not valid yet";
  host.run_for(VirtualHost::look_again * 2);
  CHECK(said() == "wr");
  host.complaint.clear();
  host.run_for(VirtualHost::look_again * 2);
  CHECK(said() == "wrw");
}

TEST_CASE("when the trusted roots have changed, all certificates are looked at, once") {
  VirtualHost host;
  settle(host, {{"a", {"nginx"}}, {"b", {"nginx"}}, {"c", {}}});
  host.trust_changing = {"b"};
  host.run_for(VirtualHost::look_again);
  for (const auto* name : {"tend a", "tend b", "tend c"}) CHECK(host.count(name) == 2);
}

TEST_CASE("a clock set back does not put off a reload") {
  for (const bool refused : {false, true}) {
    VirtualHost host;
    settle(host, {{"web", {"nginx"}}});
    if (refused) host.refusing = {"nginx"};
    renew(host, {"web"});
    host.run_for(refused ? Agent::settle_window : 1s);
    host.refusing.clear();
    host.step_clock(-24h);
    host.run_for(Agent::settle_window);
    CHECK(host.owed["nginx"].empty());
  }
}

TEST_CASE("told to stop, it begins nothing, cancels what is under way, and says when that is over") {
  VirtualHost host;
  host.owed["nginx"] = {"web"};
  host.renewable = {"web"};
  host.use({{"mail", {}}, {"web", {"nginx"}}});
  unsigned idle = 0;
  host.agent.stop([&] { ++idle; });
  CHECK(host.stop.stop_requested());
  const auto begun = host.journal;
  host.agent.replan();
  host.finish("tend web");
  host.finish("reload nginx");
  CHECK(idle == 0);
  host.finish("tend mail");
  CHECK(idle == 1);
  CHECK(host.journal == begun);
}

TEST_CASE("told to stop while it has nothing to do, it is idle at once") {
  VirtualHost host;
  settle(host, {{"web", {}}});
  bool idle = false;
  host.agent.stop([&] { idle = true; });
  CHECK(idle);
  host.run_for(24h);
  CHECK(host.journal.empty());
}

TEST_CASE("the log says when a certificate will be renewed, once for each time") {
  VirtualHost host;
  host.renewal = host.clock.now() + 16h;
  host.use({{"web", {}}});
  host.run_for(5h);
  const auto waiting = [&] { return std::ranges::count(host.log, "waiting", &Event::name); };
  CHECK(waiting() == 1);
  host.renewal = host.clock.now() + 20h;
  host.run_for(5h);
  CHECK(waiting() == 2);
}

// Renewals, failures, new configurations and clock steps, with passes that end in any order.
TEST_CASE("whatever comes in whatever order, the promises are kept and nothing is lost") {
  const VirtualHost::UsedBy all{{"a", {"nginx"}},   {"b", {"nginx"}}, {"c", {"nginx", "haproxy"}},
                                {"d", {"haproxy"}}, {"e", {}},        {"f", {"apache"}}};
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    VirtualHost host;
    host.use(all);
    for (int step = 0; step < 150; ++step) {
      const std::string name(1, static_cast<char>('a' + random() % 6));
      if (one_in(3)) host.renewable.insert(name);
      if (one_in(20)) host.undeliverable = {name};
      if (one_in(20)) host.refusing = {one_in(2) ? "nginx" : "haproxy"};
      if (one_in(15)) host.step_clock(hours(static_cast<int>(random() % 49) - 24));
      if (one_in(15)) {
        auto some = all;
        some.erase(name);
        host.use(some);
      }
      if (one_in(4)) host.stall_for(seconds(random() % 4000));
      if (const auto names = host.under_way(); !names.empty()) host.finish(names[random() % names.size()]);
    }
    host.undeliverable.clear();
    host.refusing.clear();
    host.use(all);
    host.run_for(VirtualHost::look_again * 3);
    CHECK(host.renewable.empty());
    for (const auto& [proxy, owing] : host.owed) CHECK(owing.empty());
  }
}
