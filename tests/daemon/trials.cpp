// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <tests/support/virtual_host.hpp>

using namespace everleaf;
using namespace everleaf::agent;
using namespace std::chrono;

namespace {

using Journal = std::vector<std::string>;
using UsedBy = VirtualHost::UsedBy;

// A host whose nginx refuses what "web" brings; "web" was delivered, and nginx is being reloaded.
struct Refusing : VirtualHost {
  explicit Refusing(const UsedBy& certificates) {
    refusing = {"nginx"};
    bad["nginx"] = {"web"};
    use(certificates);
    finish_all();
    renewable = {"web"};
    agent.replan();
    run_for(0s);
    clock.set(clock.now() + Agent::settle_window);
    agent.run_due();
    journal.clear();
    REQUIRE(under_way() == Journal{"reload nginx"});
  }
};

}  // namespace

TEST_CASE("what a proxy refused is judged at once, and looked at again") {
  Refusing host(UsedBy{{"web", {"nginx"}}});
  host.finish("reload nginx");
  CHECK(host.under_way() == Journal{"judge web"});
  host.finish_all();
  CHECK(host.journal == Journal{"judge web", "tend web"});
  host.run_for(1h);
  CHECK(host.count("reload nginx") == 0);
}

TEST_CASE("it is judged when nothing else happens to the certificate") {
  Refusing host(UsedBy{{"web", {"nginx"}}});
  host.agent.replan();  // nginx, too, will be asked once more
  REQUIRE(host.is_under_way("tend web"));
  host.finish("reload nginx");
  CHECK(!host.is_under_way("judge web"));
  host.finish("tend web");
  CHECK(host.under_way() == Journal{"reload nginx"});
  host.finish("reload nginx");
  CHECK(host.is_under_way("judge web"));
  host.agent.replan();
  CHECK(host.under_way() == Journal{"judge web"});
  host.finish_all();
}

TEST_CASE("it is judged when no proxy that uses the certificate is at work, and these reload if they have to") {
  Refusing host(UsedBy{{"web", {"nginx"}}, {"mail", {"haproxy"}}});
  host.disturbed = {"haproxy"};
  host.finish("reload nginx");
  host.owed["haproxy"] = {"web"};
  host.finish("judge web");
  CHECK(host.is_under_way("reload haproxy"));
  host.finish_all();
}

TEST_CASE("a certificate that was removed meanwhile is not judged") {
  Refusing host(UsedBy{{"web", {"nginx"}}, {"mail", {"nginx"}}});
  host.use({{"mail", {"nginx"}}});
  host.finish("reload nginx");
  CHECK(!host.is_under_way("judge web"));
  host.finish_all();
}

TEST_CASE("nothing else happens to what is judged, and were it the hourly look") {
  Refusing host(UsedBy{{"web", {"nginx"}}});
  host.finish("reload nginx");
  host.stall_for(2h);
  CHECK(host.under_way() == Journal{"judge web"});
  host.finish_all();
}

TEST_CASE("what was taken up after all is not judged") {
  Refusing host(UsedBy{{"web", {"nginx"}}});
  host.agent.replan();
  host.finish("reload nginx");
  REQUIRE(host.is_under_way("tend web"));
  host.refusing.clear();
  host.agent.replan();
  host.finish("reload nginx");
  host.finish("tend web");
  CHECK(host.count("judge web") == 0);
  host.finish_all();
}

TEST_CASE("told to stop, it cancels what is judged, and says when that is over") {
  Refusing host(UsedBy{{"web", {"nginx"}}});
  host.finish("reload nginx");
  bool idle = false;
  host.agent.stop([&] { idle = true; });
  CHECK(host.stop.stop_requested());
  CHECK(!idle);
  host.finish("judge web");
  CHECK(idle);
}
