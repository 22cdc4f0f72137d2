// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/base64.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::string_literals;

TEST_CASE("base64 is RFC 4648's") {  // section 10
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK(base64("fooba") == "Zm9vYmE=");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xfb\xff\x00"s) == "+/8A");
}

TEST_CASE("base64url has its own two letters and no padding") {  // RFC 7515, appendix C
  CHECK(base64url("\x03\xec\xff\xe0\xc1"s) == "A-z_4ME");
  CHECK(decode_base64url("A-z_4ME") == "\x03\xec\xff\xe0\xc1"s);
}

TEST_CASE("every length and every byte survives base64url") {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(decode_base64url(base64url(bytes)) == bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST_CASE("what base64url would not have written is not read") {
  for (const auto& text : {"Zg=="s, "Zm8="s, "Z"s, "Zm9vY"s, "Zm9v\n"s, " Zm9v"s, "Zm 9v"s, "+/8A"s, "Zm9v."s, "Zm9\0"s,
                           "Zm9\xc3"s, "Zh"s, "Zm9"s})
    CHECK_MESSAGE(!decode_base64url(text), text);
}
