// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/url.hpp>

#include <doctest/doctest.h>

#include <tests/support/kind_of_error.hpp>

using namespace everleaf;

namespace {

// The text of the error that `parse` throws, and its hint.
template <typename Parse>
std::string refusal(Parse parse, const char* text) {
  try {
    parse(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what() + (" (" + error.hint() + ")");
  }
  return "";
}

}  // namespace

TEST_CASE("a CA's URL is where it is; what stands behind that is dropped") {
  const struct {
    const char* text;
    const char* origin;
    const char* host;
  } cases[] = {
      {"https://ca.internal:9443", "https://ca.internal:9443", "ca.internal"},
      {"https://ca.internal", "https://ca.internal", "ca.internal"},
      {"https://ca.internal/", "https://ca.internal", "ca.internal"},
      {"https://ca.internal:9443/1.0/sign?x=y#z", "https://ca.internal:9443", "ca.internal"},
      {"ca.internal:9443", "https://ca.internal:9443", "ca.internal"},
      {"ca.internal", "https://ca.internal", "ca.internal"},
      {"localhost", "https://localhost", "localhost"},
      {"10.0.0.7:9443", "https://10.0.0.7:9443", "10.0.0.7"},
      {"::1", "https://[::1]", "::1"},
      {"2001:db8::1", "https://[2001:db8::1]", "2001:db8::1"},
      {"[::1]:9443", "https://[::1]:9443", "::1"},
      {"https://[2001:db8::1]:9443/", "https://[2001:db8::1]:9443", "2001:db8::1"},
      {"HTTPS://ca.internal", "https://ca.internal", "ca.internal"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto url = HttpsUrl::parse(one.text);
    CHECK(url.origin() == one.origin);
    CHECK(url.host() == one.host);
    CHECK(url.at("/health") == std::string(one.origin) + "/health");
  }
}

TEST_CASE("what is no place of an HTTPS server is refused") {
  for (const auto* text : {"", "http://ca.internal", "ftp://ca.internal", "https://", "https://user:secret@ca.internal",
                           "https://user@ca.internal", "https://ca.internal:99999", "https://ca.internal:port",
                           "https://ca internal", "https://[::1", "unix:///run/ca.sock"})
    CHECK_MESSAGE(kind_of_error([&] { HttpsUrl::parse(text); }) == ErrorKind::usage, text);
}

TEST_CASE("an error about a URL shows no password and no control characters") {
  for (const auto* text : {"https://user:secret@ca.internal", "user:secret@ca.internal:9443",
                           "https://user:secret@ca.internal:99999", "https://\x1b[31m"}) {
    try {
      HttpsUrl::parse(text);
      FAIL(text);
    } catch (const Error& error) {
      const std::string shown = error.what() + error.hint();
      CHECK(shown.find("secret") == std::string::npos);
      CHECK(shown.find('\x1b') == std::string::npos);
    }
  }
}

TEST_CASE("an endpoint is a host and a port, and nothing else") {
  for (const auto* text : {"backend.internal:443", "10.0.0.7:8443", "[2001:db8::1]:443"})
    CHECK(Endpoint::parse(text).text() == text);
  CHECK(Endpoint::parse("[::1]:8443").host() == "[::1]");
  CHECK(Endpoint::parse("backend.internal:8443").port() == "8443");
  CHECK(Endpoint::parse("10.0.0.7:443").is_address());
  CHECK(Endpoint::parse("[::1]:443").is_address());
  CHECK(!Endpoint::parse("backend.internal:443").is_address());
  for (const auto* text :
       {"", "backend.internal", ":443", "backend.internal:", "backend.internal:x", "a b:443",
        "https://backend.internal:443", "backend.internal:443/health", "::1:443", "a:1?b", "a:99999"})
    CHECK(refusal(Endpoint::parse, text).find("is not a host and a port (it looks like") != std::string::npos);
  CHECK(refusal(Endpoint::parse, "user:secret@backend:443").find("secret") == std::string::npos);
}

TEST_CASE("HTTP in the clear goes to this host only") {
  for (const auto* text : {"http://127.0.0.1:9181/everleaf", "http://127.8.9.10:80/?a=b", "http://[::1]:9181/"})
    CHECK(LoopbackUrl::parse(text).text() == text);
  for (const auto* text : {"", "127.0.0.1:9181", "http://localhost:9181/", "http://10.0.0.7:9181/", "http://127.0.0.1/",
                           "https://127.0.0.1:9181/", "file:///etc/passwd", "http://127.0.0.1.evil.test:80/",
                           "http://[::2]:80/", "http://127.0.0.1:9181/#a"})
    CHECK(refusal(LoopbackUrl::parse, text).find("is not a place on this host (it looks like") != std::string::npos);
  CHECK(refusal(LoopbackUrl::parse, "http://user:secret@127.0.0.1:9181/").find("secret") == std::string::npos);
}

TEST_CASE("a segment of a path keeps only what is unreserved") {
  CHECK(percent_encoded("a-._~Z9") == "a-._~Z9");
  CHECK(percent_encoded("acme/1 %\xc3\xa4") == "acme%2F1%20%25%C3%A4");
}
