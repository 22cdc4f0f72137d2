// SPDX-License-Identifier: Apache-2.0
#include <everleaf/probe/served_leaf.hpp>

#include <algorithm>
#include <cctype>

#include <everleaf/http/http_client.hpp>

namespace everleaf {
namespace {

bool is_host_name(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_'; });
}

std::string name_to_ask_for(const Endpoint& place, const Certificate& wanted) {
  if (!place.is_address()) return place.host();
  for (const auto& name : wanted.names())
    if (name.kind == Name::Kind::dns && is_host_name(name.value)) return name.value;
  return place.host();
}

}  // namespace

Certificate served_leaf(const Endpoint& place, const Certificate& wanted, std::chrono::milliseconds limit,
                        std::stop_token stop) {
  HttpClient client(InsecureSkipVerification{}, {}, {.time = limit, .connect = limit});
  const auto url = "https://" + name_to_ask_for(place, wanted) + ":" + place.port() + "/";
  return client.handshake({.url = url, .connect_to = place.text()}, std::move(stop));
}

}  // namespace everleaf
