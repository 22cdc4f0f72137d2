// SPDX-License-Identifier: Apache-2.0
// Private: nlohmann::json stays out of public headers; sources that read foreign JSON include this one.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace everleaf {

// Parses JSON of foreign origin: at most 32 levels deep and with so many values, so that a small text cannot become a
// large tree. Throws `malformed` naming `source`.
nlohmann::json parse_json(std::string_view text, const std::string& source, std::size_t most_values = 100'000);
// The same with all members in the order of the text. Fewer values: a member costs a look at all that are there.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& source,
                                          std::size_t most_values = 20'000);

// A member that must be (or, for optional_string, may be) a string. Throws `malformed` naming `source` and the member;
// null counts as absent, and absent gives "" from optional_string.
std::string required_string(const nlohmann::json& object, const char* member, const std::string& source);
std::string optional_string(const nlohmann::json& object, const char* member, const std::string& source);

}  // namespace everleaf
