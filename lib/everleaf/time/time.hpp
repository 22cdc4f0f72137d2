// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace everleaf {

// Wall-clock time in whole seconds, UTC: the resolution of X.509 (RFC 5280, section 4.1.2.5).
using Time = std::chrono::sys_seconds;
using Duration = std::chrono::nanoseconds;

// The system's clock. Only mains, commands and the daemon's clock call it; all else is told the time.
Time system_now();

// "2026-01-02T15:04:05Z". parse_time also takes a fraction (cut off) and an offset; nothing if it is not RFC 3339.
std::string format_time(Time time);
std::optional<Time> parse_time(std::string_view text);

// Go's duration syntax as step uses it ("1h30m", "-5m", "1.5h"), and days ("2d"). A unit is needed, except for "0".
std::optional<Duration> parse_duration(std::string_view text);
// Rounded to seconds, as step prints it: "10h52m5s".
std::string format_duration(Duration duration);

// The time in which a certificate is valid, both ends included (RFC 5280, section 4.1.2.5). OpenSSL refuses it in its
// last second already, so who decides whether a handshake will work treats not_after as too late.
struct Validity {
  Time not_before;
  Time not_after;

  std::chrono::seconds lifetime() const { return not_after - not_before; }
  bool contains(Time time) const { return not_before <= time && time <= not_after; }
  friend bool operator==(const Validity&, const Validity&) = default;
};

}  // namespace everleaf
