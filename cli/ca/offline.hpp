// SPDX-License-Identifier: Apache-2.0
// --offline of `ca token`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/provisioner/provisioner_options.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {

struct OfflineOptions {
  bool offline = false;
  std::string ca_configuration;  // --ca-config; default: ca.json in STEPPATH

  void add_to(CLI::App& command);

  // By a provisioner in the CA's configuration, if that is here; else by the one that the command line describes whole:
  // throws usage if it does not.
  Secret make_token(const CaOptions& ca, const ProvisionerOptions& provisioner, const TokenWish& wish) const;
};

}  // namespace everleaf::cli
