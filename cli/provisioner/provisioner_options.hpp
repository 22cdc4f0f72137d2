// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string>

#include "cli/provisioner/jwk.hpp"
#include "cli/provisioner/k8ssa.hpp"
#include "cli/provisioner/x5c.hpp"

namespace everleaf::cli {

// --provisioner, and what it is convinced by.
struct ProvisionerOptions {
  std::string name;
  std::string key_id;
  std::string provisioner_password_file;
  std::string other_password_file;  // --password-file, which step has for more than one purpose
  JwkCredential jwk;
  X5cCredential x5c;
  K8sSaCredential k8ssa;

  void add_to(CLI::App& command);

  // The one of `provisioners` that was named or whose credential was given, else the only one there is, or the only JWK
  // one; and says which that is. Throws usage.
  Provisioner choose(const std::vector<Provisioner>& provisioners) const;
  // Its one-time token. Throws usage, by the name of its type, if it is one that we cannot ask.
  Secret make_token(StepCa& ca, const Provisioner& chosen, const TokenWish& wish) const;

  const std::string& password_file() const {
    return provisioner_password_file.empty() ? other_password_file : provisioner_password_file;
  }

 private:
  std::array<const Credential*, 3> credentials() const { return {&jwk, &x5c, &k8ssa}; }
};

}  // namespace everleaf::cli
