// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/fingerprint.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>

using namespace everleaf;

namespace {

// SHA-256 of "abc" (FIPS 180-2, appendix B.1).
const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("a fingerprint is SHA-256 in lower-case hex") {
  CHECK(Fingerprint::of("abc").hex() == abc);
  CHECK(Fingerprint::parse(abc) == Fingerprint::of("abc"));
}

TEST_CASE("fingerprints are read as people paste them") {
  std::string upper;
  std::string with_colons;
  for (std::size_t i = 0; i < abc.size(); ++i) {
    upper += static_cast<char>(std::toupper(abc[i]));
    with_colons += (i % 2 == 0 && i != 0 ? ":" : "") + std::string(1, abc[i]);
  }
  CHECK(Fingerprint::parse(upper) == Fingerprint::of("abc"));
  CHECK(Fingerprint::parse(with_colons) == Fingerprint::of("abc"));
  CHECK(Fingerprint::parse(abc.substr(0, 32) + " - " + abc.substr(32)) == Fingerprint::of("abc"));
}

TEST_CASE("what is not 64 hex digits is no fingerprint") {
  for (const auto& text : {std::string(), abc.substr(1), abc + "0", "g" + abc.substr(1), "0x" + abc, abc + "\n",
                           std::string(64, ':'), "\xff" + abc.substr(1)})
    CHECK_MESSAGE(!Fingerprint::parse(text), text);
}

TEST_CASE("a fleet's fractions are spread evenly, and each purpose has its own") {
  std::vector<int> tenths(10);
  int same_tenth = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto fingerprint = Fingerprint::of(std::to_string(i));
    const auto tenth = static_cast<std::size_t>(fingerprint.fraction() * 10);
    REQUIRE(tenth < 10);
    ++tenths[tenth];
    if (static_cast<std::size_t>(fingerprint.fraction(1) * 10) == tenth) ++same_tenth;
    CHECK(fingerprint.fraction(1) == Fingerprint::of(std::to_string(i)).fraction(1));
  }
  CHECK(std::ranges::all_of(tenths, [](int count) { return count > 850 && count < 1150; }));
  CHECK(same_tenth > 850);
  CHECK(same_tenth < 1150);
}
