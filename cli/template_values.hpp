// SPDX-License-Identifier: Apache-2.0
// --set and --set-file: values for a template, ours or the CA's.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <everleaf/template/value.hpp>

namespace everleaf::cli {

struct TemplateValues {
  std::vector<std::string> set;
  std::string set_file;

  // `seen_as`: the map in which the template has them.
  void add_to(CLI::App& command, const std::string& seen_as = ".Insecure.User");
  bool are_given() const { return !set.empty() || !set_file.empty(); }
  // Which are wrong also where no template uses them. Throws usage, or as files are wrong.
  templates::Value read() const;
  std::string as_json() const;  // an object; empty: none were given
};

}  // namespace everleaf::cli
