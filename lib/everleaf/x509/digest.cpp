// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/digest.hpp>

#include <array>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

// clang-format off
constexpr std::array<std::string_view, 256> emojis{
    "👍", "🎱", "✈️", "👽", "⚓", "👼", "😠", "🐜", "🍎", "🎨", "👶", "🍼", "🔙", "🎍", "🍌", "💈", "🛁",
    "🍺", "🔔", "🚴‍♂️", "🐦", "🎂", "🌼", "🚙", "🐗", "💣", "💥", "🙇‍♂️", "👦", "💔", "💡", "🚌", "🌵",
    "📆", "📷", "🍬", "🐱", "🍒", "🚸", "🍫", "👏", "☁️", "♣️", "🇨🇳", "☕", "🚧", "🍪", "©️", "🌽", "🐮",
    "🌙", "👑", "😢", "🔮", "➰", "👯‍♀️", "💨", "🇩🇪", "♦️", "🐶", "🍩", "🐉", "📀", "👂", "🍆", "🐘", "🔚",
    "✉", "🇪🇸", "👀", "👊", "👨‍👩‍👦", "🎡", "😰", "🔥", "🎆", "💾", "🏈", "🍴", "🍀", "🇫🇷", "🍟", "🥜",
    "🖕", "🌕", "🎲", "🇪🇺", "💎", "👧", "🐐", "😬", "😁", "💂‍♂️", "🎸", "🔫", "🍔", "🔨", "🐹", "🙉", "❤️",
    "😻", "❣️", "✔️", "🗿", "🏮", "🚁", "🔪", "🐝", "🐴", "🏇", "⌛", "🏠", "🕵️‍♀️", "🍦", "👿", "🇮🇹",
    "🎃", "👺", "🇯🇵", "🔑", "💋", "😽", "🐨", "🇰🇷", "🍋", "💄", "🔒", "🍭", "👨", "🍁", "😷", "🤘", "🔬",
    "💰", "🐒", "🗻", "💪", "🍄", "🎹", "🎼", "💅", "🌑", "⛔", "👃", "🎛️", "🔩", "⭕", "🌊", "👌", "🔛",
    "📦", "🌴", "🐼", "📎", "⛅", "🛂", "🐾", "🍑", "🐧", "☎️", "🐷", "💊", "🍍", "🍕", "👈", "👉", "💩",
    "🍗", "🙏", "👸", "👛", "📌", "🐰", "🌈", "✋", "♻️", "🚗", "®️", "🎀", "🍚", "🚀", "🎢", "🐓", "🇷🇺",
    "⛵", "🎅", "🛰️", "😆", "🎷", "✂️", "🙈", "🐑", "🐚", "👞", "🎿", "💀", "😪", "😄", "😺", "😏", "🚬",
    "🐌", "🐍", "❄️", "⚽", "🔜", "👾", "♠️", "🙊", "⭐", "⛲", "🗽", "🚂", "🌻", "😎", "☀️", "🌅",
    "🏄‍♂️", "🏊‍♂️", "💉", "🎉", "🍊", "🚕", "🎾", "⛺", "💭", "™️", "🚽", "👅", "🎩", "🚜", "🚎", "🤢",
    "🏆", "🎺", "🐢", "🎠", "👭", "🇬🇧", "☂️", "🔓", "🇺🇸", "✌️", "📼", "🎻", "⚠️", "🍉", "👋", "〰️",
    "🚾", "♿", "👩", "❌", "😋", "⚡", "💤"};
// clang-format on

std::string digest(std::string_view bytes, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), value.data(), &size, algorithm, nullptr) == 1, "cannot hash");
  return {reinterpret_cast<const char*>(value.data()), size};
}

}  // namespace

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes)
    text += {digits[static_cast<unsigned char>(byte) >> 4], digits[static_cast<unsigned char>(byte) & 15]};
  return text;
}

std::string sha1(std::string_view bytes) { return digest(bytes, EVP_sha1()); }
std::string sha256(std::string_view bytes) { return digest(bytes, EVP_sha256()); }
std::string md5(std::string_view bytes) { return digest(bytes, EVP_md5()); }

std::string emoji(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += emojis.at(static_cast<unsigned char>(byte));
  return text;
}

}  // namespace everleaf
