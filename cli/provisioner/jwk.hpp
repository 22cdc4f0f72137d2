// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/provisioner/credential.hpp"

namespace everleaf::cli {

// The password of the provisioner's key, which the CA keeps encrypted.
class JwkCredential : public Credential {
 public:
  void add_to(CLI::App&) override {}
  void add_key_to(CLI::App& command);
  std::string type() const override { return "JWK"; }
  bool is_given() const override { return !key_file_.empty(); }
  Secret make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                    const std::string& password_file) const override;

 private:
  PrivateKey key_of(const Provisioner& provisioner, const std::string& password_file) const;

  std::string key_file_;  // instead of the key that the CA keeps
};

}  // namespace everleaf::cli
