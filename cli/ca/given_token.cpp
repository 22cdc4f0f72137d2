// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/given_token.hpp"

#include <strings.h>

namespace everleaf::cli {

CLI::Option* add_token_option(CLI::App& command, std::string& token, const std::string& description) {
  return command.add_option("--token", token, description)->type_name("TOKEN")->transform([](std::string text) {
    return CLI::detail::trim(text);
  });
}

TokenClaims read_given_token(const std::string& token) try {
  return read_token(Secret(token));
} catch (const Error& error) {
  throw error.within("cannot read --token");
}

StepCa connect_by_token(const CaOptions& options, const TokenClaims& claims) {
  if (!claims.root || !claims.audience.starts_with("https://")) return options.connect();
  const auto audience = claims.audience.substr(0, claims.audience.find('#'));  // X5C: behind it the provisioner's name
  const auto url = HttpsUrl::parse(options.ca_url.empty() ? audience : options.ca_url);
  return StepCa(url, {fetch_root(url, *claims.root, {})}, {});
}

void require_subject(const TokenClaims& claims, const std::string& subject, const std::string& what) {
  if (strcasecmp(claims.subject.c_str(), subject.c_str()) != 0)
    throw Error(
        ErrorKind::usage,
        "token subject \"" + escape(claims.subject) + "\" and " + what + " \"" + escape(subject) + "\" do not match",
        "ask for the token's subject, or make another token with \"everleaf ca token\"");
}

}  // namespace everleaf::cli
