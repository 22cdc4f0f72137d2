// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/toml_reader.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <everleaf/config/nearest.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void ProblemList::add(const toml::source_region& where, std::string text, std::string hint) const {
  problems.push_back({file, where.begin.line, where.begin.column, std::move(text), std::move(hint)});
}

const toml::node* TableReader::node(const std::string& key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  return table_.get(key);
}

void TableReader::complain(const std::string& key, std::string text, std::string hint) const {
  const toml::node* at = table_.get(key);
  problems_.add((at != nullptr ? *at : table_).source(), title_ + ": " + std::move(text), std::move(hint));
}

std::optional<std::string> TableReader::text(const std::string& key) {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (auto value = found->value_exact<std::string>(); value && !value->empty()) return value;
  complain(key, "\"" + key + "\" must be a text that is not empty");
  return std::nullopt;
}

std::optional<std::filesystem::path> TableReader::path(const std::string& key) {
  auto value = text(key);
  if (!value) return std::nullopt;
  if (value->starts_with("%d/")) {
    const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
    if (credentials == nullptr) {
      complain(key, "\"%d\" needs a credentials directory, and there is none",
               "it exists only in a unit of systemd with LoadCredential=");
      return std::nullopt;
    }
    value = credentials + value->substr(2);
  }
  if (value->starts_with('/')) return *value;
  complain(key, "\"" + key + "\" must be an absolute path");
  return std::nullopt;
}

std::optional<std::chrono::nanoseconds> TableReader::duration(const std::string& key) {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto value = found->value_exact<std::string>())
    if (const auto parsed = parse_duration(*value); parsed && *parsed > Duration{0}) return parsed;
  complain(key, "\"" + key + "\" must be a duration with its unit", "write it as \"90s\", \"16h\" or \"30d\"");
  return std::nullopt;
}

std::optional<std::size_t> TableReader::number(const std::string& key, std::size_t most) {
  const auto* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (const auto value = found->value_exact<std::int64_t>(); value && *value > 0 && std::cmp_less_equal(*value, most))
    return static_cast<std::size_t>(*value);
  complain(key, "\"" + key + "\" must be a number from 1 to " + std::to_string(most));
  return std::nullopt;
}

std::vector<std::string> TableReader::texts(const std::string& key) {
  const auto* found = node(key);
  if (found == nullptr) return {};
  std::vector<std::string> result;
  const auto* array = found->as_array();
  if (array != nullptr && array->empty())
    complain(key, "\"" + key + "\" is an empty list", "leave it out, or write it as [\"one\", \"two\"]");
  if (array != nullptr)
    for (const auto& element : *array)
      if (auto value = element.value_exact<std::string>(); value && !value->empty())
        result.push_back(std::move(*value));
  if (array == nullptr || result.size() != array->size())
    complain(key, "\"" + key + "\" must be a list of texts", "write it as [\"one\", \"two\"]");
  return result;
}

const toml::table* TableReader::table(const std::string& key) {
  const auto* found = node(key);
  if (found == nullptr) return nullptr;
  if (const auto* value = found->as_table()) return value;
  complain(key, "\"" + key + "\" must be a table");
  return nullptr;
}

void TableReader::require(const std::string& key) const {
  if (table_.get(key) == nullptr) complain(key, "\"" + key + "\" is missing");
}

void TableReader::finish() const {
  for (const auto& [key, value] : table_) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    const auto meant = nearest(key.str(), known_);
    problems_.add(key.source(), title_ + ": unknown key \"" + escape(key.str()) + "\"",
                  meant.empty() ? "known here: " + listed(known_) : "did you mean \"" + meant + "\"?");
  }
}

}  // namespace everleaf
