// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/base64.hpp>

#include <cstdint>

namespace everleaf {
namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  std::uint32_t bits = 0;
  unsigned waiting = 0;  // how many of the low `bits` are not written yet
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (waiting += 8; waiting >= 6; waiting -= 6) text += alphabet[bits >> (waiting - 6) & 63];
  }
  if (waiting != 0) text += alphabet[bits << (6 - waiting) & 63];
  return text;
}

}  // namespace

std::string base64(std::string_view bytes) {
  auto text = encode(bytes, standard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string base64url(std::string_view bytes) { return encode(bytes, base64url_alphabet); }

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  unsigned waiting = 0;
  for (const char character : text) {
    const auto digit = base64url_alphabet.find(character);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes += static_cast<char>(bits >> waiting & 255);
  }
  const bool whole = waiting < 6 && (bits & ((1U << waiting) - 1)) == 0;
  if (!whole) return std::nullopt;
  return bytes;
}

}  // namespace everleaf
