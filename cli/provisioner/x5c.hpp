// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/provisioner/credential.hpp"

namespace everleaf::cli {

// A certificate of a CA that the provisioner trusts, and its key.
class X5cCredential : public Credential {
 public:
  void add_to(CLI::App& command) override;
  void add_insecure_to(CLI::App& command);
  std::string type() const override { return "X5C"; }
  bool is_given() const override { return !certificate_.empty(); }
  Secret make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                    const std::string& password_file) const override;

  // Throws usage if it was not given.
  Identity read(const std::string& password_file) const;

 private:
  std::string certificate_;
  std::string key_;
  std::vector<std::string> chain_;
  X5cHeader header_ = X5cHeader::x5c;
};

}  // namespace everleaf::cli
