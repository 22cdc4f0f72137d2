// SPDX-License-Identifier: Apache-2.0
#include <everleaf/probe/echo.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <sstream>

#include <everleaf/error/error.hpp>
#include <everleaf/http/http_client.hpp>
#include <everleaf/process/nginx_workers.hpp>

namespace everleaf {
namespace {

constexpr std::size_t longest_answer = 1024;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

std::optional<Echo> parse_echo(std::string_view answer) {
  std::istringstream words{std::string(answer)};
  Echo echo;
  std::string more;
  words >> echo.serial >> echo.sha1;
  if (!words || !is_hex(echo.serial) || !is_hex(echo.sha1) || echo.sha1.size() != 40) return std::nullopt;
  if (!(words >> echo.worker) && !words.eof()) return std::nullopt;
  if (words >> more) return std::nullopt;
  return echo;
}

Echo ask_echo(const LoopbackUrl& url, std::chrono::milliseconds limit, std::stop_token stop) {
  HttpClient client(InTheClear{}, {}, {.time = limit, .connect = limit, .body = longest_answer, .headers = 16 << 10});
  const auto response = client.send({.url = url.text()}, std::move(stop));
  const std::string hint = "docs/nginx.md has the two locations that echo";
  if (response.status != 200)
    throw Error(ErrorKind::answer, url.text() + " answered " + std::to_string(response.status), hint);
  const auto echo = parse_echo(response.body);
  if (!echo) throw Error(ErrorKind::answer, url.text() + " is no echo: \"" + escape(response.body, 60) + "\"", hint);
  return *echo;
}

std::optional<std::string> objection(const Echo& echo, const Certificate& leaf,
                                     std::optional<std::chrono::milliseconds> reloaded) {
  if (lower(echo.serial) != leaf.serial_hex() || lower(echo.sha1) != leaf.sha1_hex())
    return "it shows serial " + lower(echo.serial) + " instead of " + leaf.serial_hex();
  if (reloaded && echo.worker > 0 && worker_is_older(echo.worker, *reloaded).value_or(false))
    return "worker " + std::to_string(echo.worker) + " that shows it is from before the reload";
  return std::nullopt;
}

}  // namespace everleaf
