// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include <everleaf/step_ca/sign_token.hpp>

namespace everleaf::cli {

// What convinces provisioners of one type: the options of a command, and the one-time token that comes of them.
class Credential {
 public:
  virtual ~Credential() = default;

  virtual void add_to(CLI::App& command) = 0;
  virtual std::string type() const = 0;  // of its provisioners, as the CA writes it
  // Whether the command line says that it is this one: then only its provisioners come into question.
  virtual bool is_given() const = 0;
  // `password_file` has the password of whatever key there is; empty: none was named.
  virtual Secret make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                            const std::string& password_file) const = 0;
};

}  // namespace everleaf::cli
