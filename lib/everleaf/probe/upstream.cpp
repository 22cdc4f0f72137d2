// SPDX-License-Identifier: Apache-2.0
#include <everleaf/probe/upstream.hpp>

#include <algorithm>
#include <array>

#include <everleaf/error/error.hpp>
#include <everleaf/http/http_client.hpp>

namespace everleaf {
namespace {

constexpr std::array<long, 5> refusals{400, 401, 403, 495, 496};
constexpr HttpLimits asking{.time = std::chrono::seconds(10), .connect = std::chrono::seconds(5), .body = 64 << 10};

}  // namespace

Reception ask_upstream(const Endpoint& upstream, const Identity& identity, std::stop_token stop) {
  try {
    HttpClient client(InsecureSkipVerification{}, identity, asking);
    const auto response = client.send(
        {.method = "HEAD", .url = "https://" + upstream.text() + "/", .connect_to = upstream.text()}, std::move(stop));
    if (std::ranges::find(refusals, response.status) == refusals.end()) return {Welcome::given};
    return {Welcome::refused, upstream.text() + " answered " + std::to_string(response.status)};
  } catch (const Error& error) {
    switch (error.kind()) {
      case ErrorKind::cancelled: throw;
      case ErrorKind::tls: return {Welcome::refused, error.what()};
      case ErrorKind::answer: return {Welcome::given};  // a redirect, or too much of it
      default: return {};
    }
  }
}

}  // namespace everleaf
