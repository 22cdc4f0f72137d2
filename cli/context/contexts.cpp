// SPDX-License-Identifier: Apache-2.0
#include "cli/context/contexts.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/json/json.hpp>
#include "cli/context/private_directory.hpp"

namespace everleaf::cli {
namespace {

bool is_component(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

nlohmann::json read_object(const std::filesystem::path& file) {
  const auto text = read_file_if_present(file);
  if (!text) return nullptr;
  auto json = parse_json(*text, file.string());
  if (!json.is_object()) throw Error(ErrorKind::malformed, file.string() + " is not a JSON object");
  return json;
}

Context to_context(const std::string& name, const nlohmann::json& entry, const std::string& source) {
  if (!entry.is_object()) throw Error(ErrorKind::malformed, "a context in " + source + " is not a JSON object");
  Context context{name, required_string(entry, "authority", source), required_string(entry, "profile", source)};
  if (!is_component(context.authority) || !is_component(context.profile))
    throw Error(ErrorKind::malformed, "context \"" + escape(name) + "\" of " + source + " leads out of its directory");
  return context;
}

}  // namespace

Contexts Contexts::load(const std::filesystem::path& base) {
  Contexts contexts(base);
  const auto file = base / "contexts.json";
  const auto list = read_object(file);
  contexts.in_use_ = list.is_object();
  if (!contexts.in_use_) return contexts;
  for (const auto& [name, entry] : list.items()) contexts.contexts_[name] = to_context(name, entry, file.string());
  const auto current = base / "current-context.json";
  if (const auto json = read_object(current); json.is_object())
    contexts.current_ = optional_string(json, "context", current.string());
  else if (contexts.contexts_.size() == 1)
    contexts.current_ = contexts.contexts_.begin()->first;  // as with step, which writes that down as well
  return contexts;
}

std::optional<Context> Contexts::find(const std::string& name) const {
  const auto found = contexts_.find(name);
  if (found == contexts_.end()) return std::nullopt;
  return found->second;
}

std::vector<Context> Contexts::all() const {
  std::vector<Context> list;
  for (const auto& [name, context] : contexts_) list.push_back(context);
  return list;
}

void Contexts::require_usable(const Context& context) {
  for (const auto& name : {context.name, context.authority, context.profile})
    if (!is_component(name))
      throw Error(ErrorKind::usage, "\"" + escape(name) + "\" cannot be the name of a directory");
}

void Contexts::add(const Context& context) {
  require_usable(context);
  contexts_[context.name] = context;
  in_use_ = true;
  save();
  select(context.name);
}

void Contexts::select(const std::string& name) {
  current_ = name;
  replace_file(base_ / "current-context.json", nlohmann::json{{"context", name}}.dump(), public_mode());
}

void Contexts::remove(const std::string& name) {
  contexts_.erase(name);
  save();
}

void Contexts::save() const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [name, context] : contexts_)
    json[name] = {{"profile", context.profile}, {"authority", context.authority}};
  make_private_directories(base_);
  replace_file(base_ / "contexts.json", json.dump(4), file_mode::private_key);
}

}  // namespace everleaf::cli
