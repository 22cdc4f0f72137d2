// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/name.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

// What stands before an IPv4 address within IPv6 (RFC 4291, section 2.5.5.2). Go takes it for the former.
constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// The address in its canonical text, as a certificate's bytes are shown again; empty if it is none.
std::string canonical_ip(const std::string& text) {
  std::array<unsigned char, 16> address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  int family = AF_INET;
  if (inet_pton(family, text.c_str(), address.data()) != 1) {
    family = AF_INET6;
    if (inet_pton(family, text.c_str(), address.data()) != 1) return {};
  }
  const auto* bytes = address.data();
  if (family == AF_INET6 && std::equal(mapped.begin(), mapped.end(), bytes)) {
    family = AF_INET;
    bytes += mapped.size();
  }
  return inet_ntop(family, bytes, canonical.data(), canonical.size());
}

bool has_scheme(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || std::isalpha(static_cast<unsigned char>(text[0])) == 0)
    return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; });
}

}  // namespace

Name Name::classify(std::string_view text) {
  if (auto ip = canonical_ip(std::string(text)); !ip.empty()) return {Kind::ip, std::move(ip)};
  if (has_scheme(text)) return {Kind::uri, std::string(text)};
  if (text.find('@') != std::string_view::npos) return {Kind::email, std::string(text)};
  return {Kind::dns, std::string(text)};
}

std::vector<Name> classify_all(const std::vector<std::string>& texts) {
  std::vector<Name> names;
  std::transform(texts.begin(), texts.end(), std::back_inserter(names), Name::classify);
  return names;
}

std::string list(const std::vector<Name>& names) {
  std::string text;
  for (const auto& name : names) {
    if (text.size() > 400) return text + " and others";
    text += (text.empty() ? "" : ", ") + escape(name.value);
  }
  return text.empty() ? "no names" : text;
}

}  // namespace everleaf
