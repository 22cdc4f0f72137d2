// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/name.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using Kind = Name::Kind;

TEST_CASE("a name is taken for what step takes it for") {
  const std::vector<std::pair<std::string, Name>> cases{
      {"myuser", {Kind::dns, "myuser"}},
      {"*.a.local", {Kind::dns, "*.a.local"}},
      {"", {Kind::dns, ""}},
      {"10.0.0.7", {Kind::ip, "10.0.0.7"}},
      {"10.0.0.7.example", {Kind::dns, "10.0.0.7.example"}},
      {"10.0.0", {Kind::dns, "10.0.0"}},
      {"2001:DB8:0:0::1", {Kind::ip, "2001:db8::1"}},
      {"::1", {Kind::ip, "::1"}},
      {"::ffff:10.0.0.7", {Kind::ip, "10.0.0.7"}},
      {"me@a.local", {Kind::email, "me@a.local"}},
      {"https://a.local/x", {Kind::uri, "https://a.local/x"}},
      {"https://me@a.local", {Kind::uri, "https://me@a.local"}},
      {"spiffe://a/b", {Kind::uri, "spiffe://a/b"}},
      {"urn:uuid:1", {Kind::uri, "urn:uuid:1"}},
      {"localhost:8443", {Kind::uri, "localhost:8443"}},
      {"1host:x", {Kind::dns, "1host:x"}},
      {":x", {Kind::dns, ":x"}},
  };
  for (const auto& [text, name] : cases) {
    CHECK_MESSAGE(Name::classify(text).kind == name.kind, text);
    CHECK(Name::classify(text).value == name.value);
  }
}

TEST_CASE("names keep their order when classified, and are listed escaped") {
  const auto names = classify_all({"b.local", "10.0.0.7", "a\n.local"});
  CHECK(list(names) == "b.local, 10.0.0.7, a\\x0a.local");
  CHECK(list({}) == "no names");
}

TEST_CASE("names compare by kind, then by text") {
  CHECK(Name{Kind::dns, "z"} < Name{Kind::email, "a"});
  CHECK(Name{Kind::ip, "a"} < Name{Kind::uri, "a"});
  CHECK(Name{Kind::dns, "a"} < Name{Kind::dns, "b"});
}
