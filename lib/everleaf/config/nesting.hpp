// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace everleaf {

// The first line (from 1) of a TOML text at which tables and arrays are more than `limit` levels deep, by brackets or
// by the dots of a key. The parser recurses into what is nested: a key of some thousand dots would use up the stack. Of
// what is not TOML it may say anything.
std::optional<unsigned> line_nested_deeper_than(unsigned limit, std::string_view toml);

}  // namespace everleaf
