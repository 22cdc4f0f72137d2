// SPDX-License-Identifier: Apache-2.0
#include <everleaf/probe/echo.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <everleaf/process/nginx_workers.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;

namespace {

Certificate leaf() { return Certificate::from_pem(test_data("x509/leaf.crt"), "leaf.crt"); }
const std::string serial = "FE6983FCCD6AF38220456B1E933ACF6C";  // as nginx writes it

}  // namespace

TEST_CASE("an echo is a serial, a SHA-1, and perhaps a worker") {
  const auto sha1 = test_data("x509/leaf.sha1");
  const auto echo = parse_echo(serial + " " + sha1 + " 4711\n");
  REQUIRE(echo);
  CHECK(echo->serial == serial);
  CHECK(echo->sha1 == sha1);
  CHECK(echo->worker == 4711);
  CHECK(parse_echo(serial + " " + sha1 + " \n")->worker == 0);
  for (const auto& text : std::initializer_list<std::string>{"", serial, serial + " " + serial, "hello " + sha1,
                                                             serial + " " + sha1 + " x", serial + " " + sha1 + " 1 2",
                                                             "<html> <body> 7", " \n"})
    CHECK_MESSAGE(!parse_echo(text), text);
}

TEST_CASE("an echo of another certificate is an objection") {
  const auto sha1 = test_data("x509/leaf.sha1");
  CHECK(!objection({serial, sha1}, leaf(), {}));
  CHECK(*objection({"0A", sha1}, leaf(), {}) == "it shows serial 0a instead of fe6983fccd6af38220456b1e933acf6c");
  CHECK(objection({serial, std::string(40, 'a')}, leaf(), {}));
}

TEST_CASE("a worker that we cannot see is no objection") {
  CHECK(!objection({serial, test_data("x509/leaf.sha1"), getpid()}, leaf(), time_since_boot()));
}
