// SPDX-License-Identifier: Apache-2.0
#include "packaging/pages/describe.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

namespace everleaf::packaging {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return {{"names", names},
          {"positional", option.get_positional() ? option.get_name(true) : ""},
          {"value", option.get_items_expected_max() == 0 ? "" : option.get_type_name()},
          {"help", option.get_description()},
          {"required", option.get_required()},
          {"repeatable", option.get_expected_max() > 1}};
}

Json to_json(const CLI::App& command) {
  Json result = {{"name", command.get_name()},
                 {"help", command.get_description()},
                 {"footer", command.get_footer()},
                 {"options", Json::array()},
                 {"commands", Json::array()}};
  const auto is_shown = [](const auto* one) { return !one->get_group().empty(); };  // as in --help
  for (const auto* option : command.get_options(is_shown)) result["options"].push_back(to_json(*option));
  for (const auto* subcommand : command.get_subcommands(is_shown)) result["commands"].push_back(to_json(*subcommand));
  return result;
}

}  // namespace

void describe(const CLI::App& command) { std::cout << to_json(command).dump(1) << '\n'; }

}  // namespace everleaf::packaging
