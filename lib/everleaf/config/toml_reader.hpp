// SPDX-License-Identifier: Apache-2.0
// Private to config/: reads one table of TOML and notes all that is wrong with it.
#pragma once

#include <toml++/toml.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/config/load.hpp>

namespace everleaf {

// Where problems are noted, and in which file.
struct ProblemList {
  std::filesystem::path file;
  std::vector<ConfigurationProblem>& problems;

  void add(const toml::source_region& where, std::string text, std::string hint = {}) const;
};

// One table. Every key that is asked for counts as known; finish() reports the others. A value of the wrong kind is
// noted and answered with nothing.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string title, const ProblemList& problems)
      : table_(table), title_(std::move(title)), problems_(problems) {}

  std::optional<std::string> text(const std::string& key);
  std::optional<std::filesystem::path> path(const std::string& key);  // absolute; "%d" replaced
  std::optional<std::chrono::nanoseconds> duration(const std::string& key);
  std::vector<std::string> texts(const std::string& key);
  const toml::table* table(const std::string& key);
  const toml::node* node(const std::string& key);

  // Notes a problem at the key's value, or at the table if it has none.
  void complain(const std::string& key, std::string text, std::string hint = {}) const;
  void require(const std::string& key) const;  // complains if it is missing
  void finish() const;

 private:
  const toml::table& table_;
  std::string title_;
  const ProblemList& problems_;
  std::vector<std::string> known_;
};

}  // namespace everleaf
