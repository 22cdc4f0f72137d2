// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/url.hpp>

#include <doctest/doctest.h>

#include <tests/support/kind_of_error.hpp>

using namespace everleaf;

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
