// SPDX-License-Identifier: Apache-2.0
// --template of "certificate create --csr", and what goes with it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <everleaf/template/value.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/request_contents.hpp>
#include "cli/template_values.hpp"

namespace everleaf::cli {

struct TemplateOptions {
  std::string file;
  TemplateValues given;

  void add_to(CLI::App& command);
  // What the template makes of the subject and the names (go.step.sm/crypto, x509util/templates.go).
  RequestContents contents(const std::string& subject, const std::vector<std::string>& names, const PrivateKey& key,
                           const templates::Value& values) const;
};

}  // namespace everleaf::cli
