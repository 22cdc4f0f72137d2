// SPDX-License-Identifier: Apache-2.0
// Private to files/: the promise that a set of files will be replaced, kept across a crash.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace everleaf {

// `.NAME.everleaf-SUFFIX` beside `target`: what will be renamed to it.
std::filesystem::path temporary_path(const std::filesystem::path& target, const std::string& suffix);
std::optional<std::string> temporary_suffix(const std::filesystem::path& target, const std::string& file_name);
// NAME, if `file_name` looks like `.NAME.everleaf-SUFFIX`.
std::optional<std::string> target_of_temporary(const std::string& file_name);

struct IntendedFile {
  std::string path;    // of the target, absolute, as comparable_path() writes it
  std::string suffix;  // of its temporary
  std::string sha256;  // of the new contents
};
using IntentRecord = std::vector<IntendedFile>;

std::string comparable_path(const std::filesystem::path& path);

// `.NAME.everleaf-intent` beside the first target of a set.
std::filesystem::path intent_path(const std::filesystem::path& first_target);
std::string text_of(const IntentRecord& record);
// Nothing if there is none. Throws malformed if it is not one of ours.
std::optional<IntentRecord> read_intent_record(const std::filesystem::path& path);

// Whether a record in `directory` names a temporary with this suffix.
bool is_promised(const std::filesystem::path& directory, const std::string& suffix);

}  // namespace everleaf
