// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/serial_number.hpp>

#include <doctest/doctest.h>

using namespace everleaf;

TEST_CASE("a serial number is read in the bases that Go reads") {
  CHECK(parse_serial_number("4660") == "4660");
  CHECK(parse_serial_number("0x1234") == "4660");
  CHECK(parse_serial_number("0X1234") == "4660");
  CHECK(parse_serial_number("0b11") == "3");
  CHECK(parse_serial_number("0o17") == "15");
  CHECK(parse_serial_number("017") == "15");
  CHECK(parse_serial_number("0") == "0");
  CHECK(parse_serial_number("327864450609575122000462909521132708282") == "327864450609575122000462909521132708282");
  CHECK(parse_serial_number("0xF6A8D5C7A3B9E1F0F6A8D5C7A3B9E1F0") == "327866728805643848775292009034808943088");
}

TEST_CASE("what is no serial number is not taken for one") {
  for (const auto* text : {"", "zzz", "0x", "0b12", "08", "-1", "+1", "1 ", "0x12g", "12a", "1_000"})
    CHECK_MESSAGE(!parse_serial_number(text), text);
  CHECK(!parse_serial_number(std::string(10'000, '9')));
}
