// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/name.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

// The address in its canonical text, as a certificate's bytes are shown again; empty if it is none.
std::string canonical_ip(const std::string& text) {
  std::array<unsigned char, 16> address{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  for (const int family : {AF_INET, AF_INET6})
    if (inet_pton(family, text.c_str(), address.data()) == 1)
      return inet_ntop(family, address.data(), canonical.data(), canonical.size());
  return {};
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
