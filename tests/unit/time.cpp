// SPDX-License-Identifier: Apache-2.0
#include <everleaf/time/time.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::chrono;

TEST_CASE("times are read and written as RFC 3339") {
  const Time time = sys_days{2026y / January / 2} + 15h + 4min + 5s;
  CHECK(format_time(time) == "2026-01-02T15:04:05Z");
  CHECK(parse_time("2026-01-02T15:04:05Z") == time);
  CHECK(parse_time("2026-01-02T15:04:05.999Z") == time);
  CHECK(parse_time("2026-01-02T17:34:05+02:30") == time);
  CHECK(parse_time("2026-01-02T10:04:05-05:00") == time);
}

TEST_CASE("what is not RFC 3339 is no time") {
  for (const auto* text : {"", "2026-01-02", "2026-01-02 15:04:05Z", "2026-13-02T15:04:05Z", "2026-02-30T15:04:05Z",
                           "2026-01-02T15:04:05", "2026-01-02T25:04:05Z", "2026-01-02T15:04:05Zx", "20-1-02T15:04:05Z",
                           "-026-01-02T15:04:05Z", "2026-01-02T15:04:05.", "2026-01-02T15:04:05+0200"})
    CHECK_MESSAGE(!parse_time(text), text);
}

TEST_CASE("durations are Go's, and days") {
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("-5m") == -5min);
  CHECK(parse_duration("+5m") == 5min);
  CHECK(parse_duration("1.5h") == 90min);
  CHECK(parse_duration("300ms") == 300ms);
  CHECK(parse_duration("2us") == 2us);
  CHECK(parse_duration("2µs") == 2us);
  CHECK(parse_duration("30d") == 720h);
  CHECK(parse_duration("0") == 0s);
}

TEST_CASE("what has no unit, or a strange one, is no duration") {
  for (const auto* text : {"", "5", "h", "5 m", "5m ", "--5m", "5y", "1e3s", "1h-5m", "inf", "nans", "999999999999h"})
    CHECK_MESSAGE(!parse_duration(text), text);
}

TEST_CASE("durations are printed as step prints them") {
  CHECK(format_duration(10h + 52min + 5s + 400ms) == "10h52m5s");
  CHECK(format_duration(15h + 42min) == "15h42m0s");
  CHECK(format_duration(59s) == "59s");
  CHECK(format_duration(-90s) == "-1m30s");
  CHECK(format_duration(0s) == "0s");
}
