// SPDX-License-Identifier: Apache-2.0
#include <everleaf/json/json.hpp>

#include <everleaf/error/error.hpp>

namespace everleaf {

namespace {

template <typename Json>
Json parse(std::string_view text, const std::string& source, std::size_t most_values) {
  std::size_t values = 0;
  const auto within_bounds = [&](int depth, typename Json::parse_event_t, Json&) {
    if (depth > 32 || ++values > most_values)
      throw Error(ErrorKind::malformed, source + " is JSON of unreasonable size");
    return true;
  };
  try {
    return Json::parse(text, within_bounds);
  } catch (const typename Json::exception&) {
    throw Error(ErrorKind::malformed, source + " is not JSON");
  }
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& source, std::size_t most_values) {
  return parse<nlohmann::json>(text, source, most_values);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& source, std::size_t most_values) {
  return parse<nlohmann::ordered_json>(text, source, most_values);
}

std::string optional_string(const nlohmann::json& object, const char* member, const std::string& source) {
  if (!object.is_object()) throw Error(ErrorKind::malformed, source + " is not a JSON object");
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) throw Error(ErrorKind::malformed, source + ": \"" + member + "\" is not a string");
  return found->get<std::string>();
}

std::string required_string(const nlohmann::json& object, const char* member, const std::string& source) {
  auto text = optional_string(object, member, source);
  if (text.empty()) throw Error(ErrorKind::malformed, source + " lacks \"" + member + "\"");
  return text;
}

}  // namespace everleaf
