// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/provisioner/credential.hpp"

namespace everleaf::cli {

// The token of a Kubernetes service account, as it lies in every pod.
class K8sSaCredential : public Credential {
 public:
  void add_to(CLI::App& command) override;
  std::string type() const override { return "K8sSA"; }
  bool is_given() const override { return !token_file_.empty(); }
  Secret make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                    const std::string& password_file) const override;

 private:
  std::string token_file_;
};

}  // namespace everleaf::cli
