// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <everleaf/acme/answers.hpp>
#include <everleaf/acme/order.hpp>
#include <everleaf/acme/standalone.hpp>
#include <tests/support/kind_of_error.hpp>

using namespace everleaf;

namespace {

std::string challenge_with(const std::string& token) {
  return R"({"type":"http-01","status":"pending","url":"https://ca/1","token":")" + token + R"("})";
}

const acme::Answers answers{{"token-1", "token-1.thumbprint"}};

std::string status_of(const std::string& request) {
  const auto answer = acme::answer_to(request, answers);
  return answer.empty() ? "none yet" : answer.substr(9, 3);
}

}  // namespace

TEST_CASE("a directory says where things are") {
  const auto directory = acme::directory_in(
      R"({"newNonce":"https://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o","meta":{"externalAccountRequired":true}})");
  CHECK(directory.new_order == "https://ca/o");
  CHECK(directory.wants_external_account);
}

TEST_CASE("an ACME server leads nowhere but to https") {
  CHECK(kind_of_error([] {
          acme::directory_in(R"({"newNonce":"http://ca/n","newAccount":"https://ca/a","newOrder":"https://ca/o"})");
        }) == ErrorKind::answer);
  CHECK(kind_of_error([] {
          acme::order_in(R"({"status":"ready","finalize":"https://ca/f","authorizations":["file:///etc/passwd"]})");
        }) == ErrorKind::answer);
}

TEST_CASE("a challenge's token is fit for a file name") {
  CHECK(acme::challenge_in(challenge_with("a-B_9")).token == "a-B_9");
  for (const auto* token : {"../passwd", "a/b", "a.b", "a b", ""})
    if (*token != '\0') CHECK(kind_of_error([&] { acme::challenge_in(challenge_with(token)); }) == ErrorKind::answer);
  CHECK(kind_of_error([] { acme::challenge_in(challenge_with(std::string(300, 'a'))); }) == ErrorKind::answer);
}

TEST_CASE("a problem is shown with its subproblems, escaped") {
  const auto problem = acme::problem_in(
      R"({"type":"urn:ietf:params:acme:error:malformed","detail":"no\u001b[2J","subproblems":[{"detail":"bad","identifier":{"value":"a.local"}}]})");
  CHECK(problem.type == "malformed");
  CHECK(problem.words == "no\\x1b[2J; a.local: bad");
  CHECK(acme::problem_in("<html>").words == "<html>");
  CHECK(acme::problem_in("").words == "no reason given");
  CHECK(acme::problem_in(R"({"detail":7})").words == R"({"detail":7})");
}

TEST_CASE("what http-01 cannot prove is refused") {
  CHECK_NOTHROW(acme::require_provable(classify_all({"a.local", "10.0.0.7", "::1"})));
  for (const auto* name : {"*.a.local", "me@a.local", "https://a.local/x"})
    CHECK(kind_of_error([&] { acme::require_provable(classify_all({name})); }) == ErrorKind::usage);
}

TEST_CASE("our server says what was published, and nothing else") {
  CHECK(acme::answer_to("GET /.well-known/acme-challenge/token-1 HTTP/1.1\r\nHost: a\r\n\r\n", answers)
            .ends_with("\r\n\r\ntoken-1.thumbprint"));
  CHECK(status_of("GET /.well-known/acme-challenge/token-2 HTTP/1.1\r\n\r\n") == "404");
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == "404");
  CHECK(status_of("POST /.well-known/acme-challenge/token-1 HTTP/1.1\r\n\r\n") == "405");
  for (const auto* nonsense : {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", " \r\n\r\n", "GET / HTTP/2\r\n\r\n"})
    CHECK(status_of(nonsense) == "400");
  CHECK(status_of("GET /.well-known/acme-challenge/token-1 HTTP/1.1\r\nHost: a\r\n") == "none yet");
}
