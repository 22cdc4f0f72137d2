// SPDX-License-Identifier: Apache-2.0
#include "cli/template_values.hpp"

#include <nlohmann/json.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>

namespace everleaf::cli {

using templates::Map;
using templates::Value;

void TemplateValues::add_to(CLI::App& command, const std::string& seen_as) {
  command.add_option("--set", set, "a value for the template, " + seen_as + ".KEY; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--set-file", set_file, "such values as a JSON object; --set goes over them")->type_name("FILE");
}

// flags.GetTemplateData of step: a value that is JSON is that, any other is a string; --set goes over --set-file.
Value TemplateValues::read() const {
  Map map;
  if (!set_file.empty()) {
    const auto values = Value::from_json(read_input(set_file), set_file);
    if (values.map() == nullptr) throw Error(ErrorKind::malformed, set_file + " is not a JSON object");
    map = *values.map();
  }
  for (const auto& pair : set) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos)
      throw Error(ErrorKind::usage, "--set " + escape(pair) + " has no =", "write it as --set key=value");
    const auto name = "--set " + escape(pair.substr(0, equals));
    const auto text = pair.substr(equals + 1);
    if (length_of_utf8(pair) != pair.size()) throw Error(ErrorKind::usage, name + " is not UTF-8");
    const bool json = nlohmann::json::accept(text);
    // Go reads half of a surrogate pair, which nlohmann does not: it must not become a string in quotes.
    if (!json && !text.empty() && std::string_view("\"[{").find(text.front()) < 3 && text.find("\\u") < text.size())
      throw Error(ErrorKind::usage, name + " is neither JSON nor clearly a string");
    map.entries.insert_or_assign(pair.substr(0, equals), json ? Value::from_json(text, name) : Value(text));
  }
  return Value(std::move(map));
}

std::string TemplateValues::as_json() const { return are_given() ? templates::to_json(read()) : ""; }

}  // namespace everleaf::cli
