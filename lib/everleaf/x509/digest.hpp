// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace everleaf {

std::string sha1(std::string_view bytes);
std::string sha256(std::string_view bytes);
std::string md5(std::string_view bytes);

std::string hex(std::string_view bytes);  // lower case
// One emoji a byte: draft+2 of github.com/emojisum/emojisum, which is what step shows.
std::string emoji(std::string_view bytes);

}  // namespace everleaf
