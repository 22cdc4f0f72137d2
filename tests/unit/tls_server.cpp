// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/tls_peer.hpp>

#include <doctest/doctest.h>

#include <tests/support/kind_of_error.hpp>

using namespace everleaf;

namespace {

std::string shown(std::string_view text) {
  const auto server = TlsServer::parse(text);
  return server ? server->host + " " + std::to_string(server->port) : "a file";
}

}  // namespace

TEST_CASE("a server is told from a file by its scheme, and has the port of that") {
  CHECK(shown("https://a.test") == "a.test 443");
  CHECK(shown("hTTps://A.test/x?y#z") == "A.test 443");
  CHECK(shown("tls://a.test:8443") == "a.test 8443");
  CHECK(shown("tcp://10.0.0.1") == "10.0.0.1 443");
  CHECK(shown("smtps://a.test") == "a.test 465");
  CHECK(shown("ldaps://a.test/") == "a.test 636");
  CHECK(shown("https://[::1]:9443/") == "::1 9443");
  CHECK(shown("https://[::1]") == "::1 443");
  for (const auto* file : {"a.test", "a.crt", "./https:/a", "http://a.test", "-", ""}) CHECK(shown(file) == "a file");
}

TEST_CASE("what follows a scheme must be a host and a port") {
  for (const auto* text :
       {"https://", "https:///a", "https://a b", "https://user@a.test", "https://a.test:", "https://a.test:0",
        "https://a.test:65536", "https://a.test:9x", "https://[::1", "https://[::1]9", "https://a\nb"})
    CHECK_MESSAGE(kind_of_error([&] { TlsServer::parse(text); }) == ErrorKind::usage, text);
}
