// SPDX-License-Identifier: Apache-2.0
#include <tests/support/virtual_host.hpp>

using namespace everleaf::agent;
using namespace std::chrono;

namespace {

const CertificateStatus& only(const Status& status) {
  REQUIRE(status.certificates.size() == 1);
  return status.certificates.front();
}

}  // namespace

TEST_CASE("a renewal that is asked for happens once, and is over when it is delivered") {
  VirtualHost host;
  host.use({{"web", {"nginx"}}});
  host.finish_all();
  CHECK(host.agent.renew("web"));
  CHECK(only(host.agent.status()).asked);
  CHECK(only(host.agent.status()).busy);
  host.finish("tend web");
  CHECK(only(host.agent.status()).asked);  // staged, or being swapped in
  host.finish("swap web");
  CHECK(!only(host.agent.status()).asked);
  host.run_for(1h);
  CHECK(host.count("swap web") == 1);
  CHECK(host.count("reload nginx") == 1);
}

TEST_CASE("a renewal that is asked for during another pass follows it") {
  VirtualHost host;
  host.use({{"web", {}}});
  REQUIRE(host.is_under_way("tend web"));
  CHECK(host.agent.renew("web"));
  CHECK(host.agent.renew("web"));  // twice is once
  host.finish_all();
  CHECK(host.count("tend web") == 3);  // at first, the one asked for, and after its swap
  CHECK(host.count("swap web") == 1);
  CHECK(!only(host.agent.status()).asked);
}

TEST_CASE("who is not there cannot be renewed") {
  VirtualHost host;
  host.use({{"web", {}}});
  CHECK(!host.agent.renew("mail"));
  host.use({{"mail", {}}});
  CHECK(!host.agent.renew("web"));
}

TEST_CASE("a failed delivery is the problem until it succeeds") {
  VirtualHost host;
  host.use({{"web", {}}});
  host.finish_all();
  host.undeliverable = {"web"};
  CHECK(host.agent.renew("web"));
  host.finish_all();
  CHECK(!only(host.agent.status()).asked);
  CHECK(!only(host.agent.status()).problem.empty());
  host.undeliverable.clear();
  host.run_for(2h);
  CHECK(only(host.agent.status()).problem.empty());
}

TEST_CASE("a proxy that refuses is said to fail, until it is gone or obeys") {
  VirtualHost host;
  host.renewable = {"web"};
  host.refusing = {"nginx"};
  host.use({{"web", {"nginx"}}});
  host.run_for(10s);
  CHECK(!host.agent.status().proxies.front().is_well(host.clock.now()));
  CHECK(host.agent.status().proxies.front().next_try > host.clock.now());
  host.refusing.clear();
  host.run_for(1min);
  CHECK(host.agent.status().proxies.front().is_well(host.clock.now()));
  host.use({{"web", {}}});
  CHECK(host.agent.status().proxies.empty());
}
