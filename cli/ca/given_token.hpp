// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <everleaf/step_ca/token.hpp>
#include "cli/shared_options.hpp"

namespace everleaf::cli {

// --token. What a shell or a file left around it does not belong to it.
CLI::Option* add_token_option(CLI::App& command, std::string& token, const std::string& description);

// What the text of --token says. Throws malformed.
TokenClaims read_given_token(const std::string& token);

// A token that carries the root's fingerprint leads to the CA by itself, as with step: --root is not needed then.
StepCa connect_by_token(const CaOptions& options, const TokenClaims& claims);

// Throws usage if the token is not for `subject` (in any case); `what` is what that is: "argument", "CSR CommonName".
void require_subject(const TokenClaims& claims, const std::string& subject, const std::string& what);

}  // namespace everleaf::cli
