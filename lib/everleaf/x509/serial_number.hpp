// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace everleaf {

// A serial number as people write it, in decimal: "4660", "0x1234", with Go's other prefixes 0b, 0o and 0. Nothing if
// it is none.
std::optional<std::string> parse_serial_number(const std::string& text);

}  // namespace everleaf
