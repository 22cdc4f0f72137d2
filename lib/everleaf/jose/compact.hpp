// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace everleaf {

// Decodes the parts of a compact serialisation: three in a JWS (RFC 7515, section 7.1), five in a JWE (RFC 7516,
// section 7.1). At most 64 KiB of text. Throws malformed, naming `source` and never quoting the text.
std::vector<std::string> decode_compact(std::string_view text, std::size_t parts, const std::string& source);

}  // namespace everleaf
