// SPDX-License-Identifier: Apache-2.0
// --template, --set and --set-file of "certificate create --csr".
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <everleaf/template/value.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/request_contents.hpp>

namespace everleaf::cli {

struct TemplateOptions {
  std::string file;
  std::vector<std::string> set;
  std::string set_file;

  void add_to(CLI::App& command);
  // Of --set and --set-file, which are wrong also where no template uses them. Throws usage, or as files are wrong.
  templates::Value values() const;
  // What the template makes of the subject and the names (go.step.sm/crypto, x509util/templates.go).
  RequestContents contents(const std::string& subject, const std::vector<std::string>& names, const PrivateKey& key,
                           const templates::Value& values) const;
};

}  // namespace everleaf::cli
