// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/prove.hpp>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>

#include <everleaf/files/file.hpp>
#include <tests/support/test_ca.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

// A server of which one hears nothing: who connects is only queued.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_.get(), any, size) == 0);
    REQUIRE(::listen(socket_.get(), 128) == 0);
    REQUIRE(::getsockname(socket_.get(), any, &size) == 0);
    place_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& place() const { return place_; }

 private:
  Descriptor socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string place_;
};

}  // namespace

TEST_CASE("many probes that are not answered take no more time than one") {
  const SilentServer server;
  const TestCa ca;
  const auto leaf = ca.issue({}).leaf();
  std::vector<Exhibit> exhibits;
  for (int i = 0; i < 45; ++i) {
    const auto certificate = std::to_string(i);
    exhibits.push_back({{.certificate = certificate, .tls = Endpoint::parse(server.place())}, leaf});
    exhibits.push_back(
        {{.certificate = certificate, .echo = LoopbackUrl::parse("http://" + server.place() + "/echo")}, leaf});
  }
  const auto begin = steady_clock::now();
  const auto unproven = prove(exhibits, {}, 300ms, {});
  CHECK(steady_clock::now() - begin < 900ms);
  std::set<std::string> certificates;
  for (const auto& one : unproven) {
    certificates.insert(one.certificate);
    CHECK(!one.found.empty());
  }
  CHECK(certificates.size() == 45);
}
