// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace everleaf::cli {

// One of several CAs that a STEPPATH knows: a directory for what belongs to the CA, one for what belongs to the user.
struct Context {
  std::string name;
  std::string authority;
  std::string profile;
};

// BASE/contexts.json and BASE/current-context.json, as step writes them (cli-utils: step/context.go).
class Contexts {
 public:
  // Throws malformed if a file is damaged, or if a name would lead out of BASE.
  static Contexts load(const std::filesystem::path& base);

  bool are_in_use() const { return in_use_; }
  std::optional<Context> current() const { return find(current_); }
  std::optional<Context> find(const std::string& name) const;
  std::vector<Context> all() const;  // by name

  // Throws usage for a name that cannot be a directory's.
  static void require_usable(const Context& context);

  // Each is on disk when it returns. Throws as require_usable().
  void add(const Context& context);  // and selects it
  void select(const std::string& name);
  void remove(const std::string& name);

 private:
  explicit Contexts(std::filesystem::path base) : base_(std::move(base)) {}
  void save() const;

  std::filesystem::path base_;
  bool in_use_ = false;
  std::map<std::string, Context> contexts_;
  std::string current_;
};

}  // namespace everleaf::cli
