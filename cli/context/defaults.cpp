// SPDX-License-Identifier: Apache-2.0
#include "cli/context/defaults.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::cli {
namespace {

std::string to_text(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// Under any of its names: of --crv and --curve step knows the second here, of --provisioner and --issuer the first.
nlohmann::json find(const nlohmann::json& defaults, const CLI::Option& option) {
  for (const auto& name : option.get_lnames())
    if (const auto found = defaults.find(name); found != defaults.end()) return *found;
  return nullptr;
}

}  // namespace

bool takes_values_from_outside(const CLI::Option& option) {
  return !option.get_lnames().empty() && !option.get_group().empty() && !option.check_lname("help");
}

void apply_defaults(CLI::App& command, const std::filesystem::path& file) {
  const auto text = read_file_if_present(file);
  if (!text) return;
  const auto defaults = parse_json(*text, file.string());
  if (!defaults.is_object()) throw Error(ErrorKind::malformed, file.string() + " is not a JSON object");
  for (auto* option : command.get_options()) {
    if (!takes_values_from_outside(*option) || option->count() != 0 || option->check_lname("context")) continue;
    const auto found = find(defaults, *option);
    if (!found.is_primitive() || found.is_null()) continue;
    option->add_result(to_text(found));
    option->run_callback();
  }
}

std::string to_json(const BootstrapDefaults& defaults) {
  nlohmann::ordered_json json;
  json["ca-url"] = defaults.ca_url;
  json["fingerprint"] = defaults.fingerprint;
  json["root"] = defaults.root;
  if (!defaults.redirect_url.empty()) json["redirect-url"] = defaults.redirect_url;
  if (!defaults.provisioner.empty()) json["provisioner"] = defaults.provisioner;
  if (defaults.min_password_length != 0) json["min-password-length"] = defaults.min_password_length;
  return json.dump(2) + "\n";
}

}  // namespace everleaf::cli
