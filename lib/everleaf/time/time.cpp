// SPDX-License-Identifier: Apache-2.0
#include <everleaf/time/time.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

namespace everleaf {
namespace {

using namespace std::chrono;

std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc{} || end != text.data() + count || text[0] == '-') return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, "Z") || take(text, "z")) return minutes{0};
  const int sign = take(text, "+") ? 1 : take(text, "-") ? -1 : 0;
  const auto hour = take_digits(text, 2);
  if (sign == 0 || !hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  return sign * (hours{*hour} + minutes{*minute});
}

struct Unit {
  std::string_view name;
  double nanoseconds;
};
// Longer names first: "ms" must not be read as "m".
constexpr std::array<Unit, 9> units{{{"ns", 1},
                                     {"us", 1e3},
                                     {"µs", 1e3},
                                     {"μs", 1e3},
                                     {"ms", 1e6},
                                     {"s", 1e9},
                                     {"m", 60e9},
                                     {"h", 3600e9},
                                     {"d", 86400e9}}};

std::optional<double> take_unit(std::string_view& text) {
  for (const auto& unit : units)
    if (take(text, unit.name)) return unit.nanoseconds;
  return std::nullopt;
}

}  // namespace

Time system_now() { return floor<seconds>(system_clock::now()); }

std::string format_time(Time time) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02ld:%02ld:%02ldZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                clock.minutes().count(), clock.seconds().count());
  return text.data();
}

std::optional<Time> parse_time(std::string_view text) {
  const auto y = take_digits(text, 4);
  if (!y || !take(text, "-")) return std::nullopt;
  const auto m = take_digits(text, 2);
  if (!m || !take(text, "-")) return std::nullopt;
  const auto d = take_digits(text, 2);
  if (!d || !(take(text, "T") || take(text, "t"))) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second) return std::nullopt;
  if (take(text, ".")) text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  const auto offset = take_offset(text);
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
  if (!offset || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second} - *offset;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const bool negative = take(text, "-");
  if (!negative) take(text, "+");
  if (text == "0") return Duration{0};
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || text[0] == '-' || !std::isfinite(value)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto unit = take_unit(text);
    if (!unit) return std::nullopt;
    total += value * *unit;
  }
  if (total > static_cast<double>(std::numeric_limits<std::int64_t>::max()) / 2) return std::nullopt;
  const Duration duration{std::llround(total)};
  return negative ? -duration : duration;
}

std::string format_duration(Duration duration) {
  const auto whole = round<seconds>(abs(duration));
  const hh_mm_ss clock{whole};
  std::string text = duration < Duration{0} && whole != 0s ? "-" : "";
  if (whole >= 1h) text += std::to_string(clock.hours().count()) + "h";
  if (whole >= 1min) text += std::to_string(clock.minutes().count()) + "m";
  return text + std::to_string(clock.seconds().count()) + "s";
}

}  // namespace everleaf
