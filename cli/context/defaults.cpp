// SPDX-License-Identifier: Apache-2.0
#include "cli/context/defaults.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::cli {
namespace {

std::string to_text(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

void apply_defaults(CLI::App& command, const StepPath& step_path) {
  const auto text = read_file_if_present(step_path.defaults());
  if (!text) return;
  const auto defaults = parse_json(*text, step_path.defaults().string());
  if (!defaults.is_object()) throw Error(ErrorKind::malformed, step_path.defaults().string() + " is not a JSON object");
  for (auto* option : command.get_options()) {
    if (option->get_lnames().empty() || option->count() != 0) continue;
    const auto found = defaults.find(option->get_lnames().front());
    if (found == defaults.end() || !found->is_primitive() || found->is_null()) continue;
    option->add_result(to_text(*found));
    option->run_callback();
  }
}

std::string to_json(const BootstrapDefaults& defaults) {
  nlohmann::ordered_json json;
  json["ca-url"] = defaults.ca_url;
  json["fingerprint"] = defaults.fingerprint;
  json["root"] = defaults.root;
  return json.dump(2) + "\n";
}

}  // namespace everleaf::cli
