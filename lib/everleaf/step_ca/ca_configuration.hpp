// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/step_ca/provisioner.hpp>

namespace everleaf {

// What a step-ca's own configuration (config/ca.json where it runs) says to those who make tokens without asking it.
// Provisioners that were added to its database (enableAdmin) are not in it.
struct CaConfiguration {
  std::string name;            // the first of its dnsNames; tokens may be for that without a port
  std::filesystem::path root;  // the first, if there are several
  std::vector<Provisioner> provisioners;

  static CaConfiguration parse(std::string_view text, const std::string& source);  // throws malformed
};

}  // namespace everleaf
