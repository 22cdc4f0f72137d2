// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace everleaf {

inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Base64 with padding (RFC 4648, section 4): x5c headers.
std::string base64(std::string_view bytes);
// Base64url without padding (RFC 4648, section 5; RFC 7515, section 2). Decoding is strict: nothing for padding, other
// characters, or impossible lengths.
std::string base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace everleaf
