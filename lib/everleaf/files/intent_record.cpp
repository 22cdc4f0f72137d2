// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/intent_record.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/system_calls.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf {
namespace {

constexpr int version = 1;
constexpr std::string_view marker = ".everleaf-";
constexpr std::string_view intent_ending = ".everleaf-intent";

std::string prefix_of(const std::filesystem::path& target) {
  return "." + target.filename().string() + std::string(marker);
}

bool is_suffix(std::string_view text) {
  const auto is_ours = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); };
  return text.size() == 8 && std::all_of(text.begin(), text.end(), is_ours);
}

IntendedFile parse_entry(const nlohmann::json& entry, const std::string& source) {
  IntendedFile file{.path = required_string(entry, "path", source),
                    .suffix = required_string(entry, "temporary", source),
                    .sha256 = required_string(entry, "sha256", source)};
  if (!is_suffix(file.suffix)) throw Error(ErrorKind::malformed, source + ": \"temporary\" is not one");
  return file;
}

IntentRecord parse(std::string_view text, const std::string& source) {
  const auto document = parse_json(text, source);
  if (!document.is_object() || document.value("version", nlohmann::json()) != version || !document.contains("files") ||
      !document["files"].is_array())
    throw Error(ErrorKind::malformed, source + " is not an intent record of this version");
  IntentRecord record;
  for (const auto& entry : document["files"]) record.push_back(parse_entry(entry, source));
  return record;
}

bool names(const IntentRecord& record, const std::string& suffix) {
  return std::any_of(record.begin(), record.end(), [&](const auto& file) { return file.suffix == suffix; });
}

}  // namespace

std::filesystem::path temporary_path(const std::filesystem::path& target, const std::string& suffix) {
  return target.parent_path() / (prefix_of(target) + suffix);
}

std::optional<std::string> temporary_suffix(const std::filesystem::path& target, const std::string& file_name) {
  const auto prefix = prefix_of(target);
  if (!file_name.starts_with(prefix) || !is_suffix(std::string_view(file_name).substr(prefix.size())))
    return std::nullopt;
  return file_name.substr(prefix.size());
}

std::optional<std::string> target_of_temporary(const std::string& file_name) {
  const auto end = file_name.rfind(".everleaf-");
  if (end == std::string::npos || end < 2 || file_name[0] != '.') return std::nullopt;
  return file_name.substr(1, end - 1);
}

std::string comparable_path(const std::filesystem::path& path) {
  return escape(std::filesystem::absolute(path).lexically_normal().string(), 1 << 16);  // JSON takes no invalid UTF-8
}

std::filesystem::path intent_path(const std::filesystem::path& first_target) {
  return temporary_path(first_target, "intent");
}

std::string text_of(const IntentRecord& record) {
  auto files = nlohmann::json::array();
  for (const auto& file : record)
    files.push_back({{"path", file.path}, {"temporary", file.suffix}, {"sha256", file.sha256}});
  return nlohmann::json{{"version", version}, {"files", files}}.dump(2) + "\n";
}

std::optional<IntentRecord> read_intent_record(const std::filesystem::path& path) {
  const auto text = read_file_if_present(path);
  if (!text) return std::nullopt;
  return parse(*text, path.string());
}

bool is_promised(const std::filesystem::path& directory, const std::string& suffix) try {
  for (const auto& name : names_in(directory)) {
    if (!name.ends_with(intent_ending)) continue;
    const auto record = read_intent_record(directory / name);
    if (record && names(*record, suffix)) return true;
  }
  return false;
} catch (const Error&) {
  return true;  // a record that cannot be read may name it, and one file too many does no harm
}

}  // namespace everleaf
