// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/compact.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>

namespace everleaf {
namespace {

constexpr std::size_t largest_text = 64 * 1024;

std::string decode_part(std::string_view part, const std::string& source) {
  auto bytes = decode_base64url(part);
  if (!bytes) throw Error(ErrorKind::malformed, source + " is not in base64url");
  return *std::move(bytes);
}

}  // namespace

std::vector<std::string> decode_compact(std::string_view text, std::size_t parts, const std::string& source) {
  if (text.size() > largest_text) throw Error(ErrorKind::malformed, source + " is larger than 64 KiB");
  const auto dots = static_cast<std::size_t>(std::count(text.begin(), text.end(), '.'));
  if (dots + 1 != parts)
    throw Error(ErrorKind::malformed, source + " does not have " + std::to_string(parts) + " parts");
  std::vector<std::string> decoded;
  for (; decoded.size() + 1 < parts; text.remove_prefix(text.find('.') + 1))
    decoded.push_back(decode_part(text.substr(0, text.find('.')), source));
  decoded.push_back(decode_part(text, source));
  return decoded;
}

}  // namespace everleaf
