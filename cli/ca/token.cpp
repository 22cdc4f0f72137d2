// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/step_ca/sign_token.hpp>
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct TokenOptions {
  std::string subject;
  std::vector<std::string> names;
  std::string not_before;
  std::string not_after;
  std::string output_file;
  CaOptions ca;
  ProvisionerOptions provisioner;
  ForceOption force;
};

Time time_or_duration(const std::string& text, const std::string& flag, Time now) {
  if (const auto time = parse_time(text)) return *time;
  if (const auto duration = parse_duration(text)) return now + std::chrono::floor<std::chrono::seconds>(*duration);
  throw Error(ErrorKind::usage, "invalid value \"" + escape(text) + "\" for " + flag,
              "a time as 2026-01-02T15:04:05Z, or a duration with its unit as 90s, 5m");
}

// The token's own, by our clock; the limits are the reference client's (cli: token/token.go).
Validity token_validity(const TokenOptions& options, Time now) {
  const auto begin = options.not_before.empty() ? now : time_or_duration(options.not_before, "--not-before", now);
  const auto end = options.not_after.empty() ? begin + usual_token_lifetime
                                             : time_or_duration(options.not_after, "--not-after", now);
  if (end - begin < std::chrono::seconds(10) || end - begin > std::chrono::hours(1))
    throw Error(ErrorKind::usage, "a token must be valid for 10 seconds at least and an hour at most, not for " +
                                      format_duration(end - begin));
  if (begin - now > std::chrono::minutes(30))
    throw Error(ErrorKind::usage,
                "a token must become valid within 30 minutes, not only in " + format_duration(begin - now));
  return {begin, end};
}

int token(const TokenOptions& options) {
  const auto validity = token_validity(options, system_now());
  OutputFile output(options.output_file, options.force.existing_files());
  auto ca = options.ca.connect();
  const auto names = options.names.empty() ? std::vector{options.subject} : options.names;
  const auto made = options.provisioner.make_token(ca, options.subject, names, validity);
  if (!output.write(made.reveal())) std::puts("");
  return 0;
}

}  // namespace

void add_ca_token(CLI::App& ca) {
  auto& command = *ca.add_subcommand("token", "Make a one-time token for a certificate");
  command.footer(
      "Examples:\n"
      "  everleaf ca token myuser --provisioner admin --provisioner-password-file password\n"
      "  everleaf ca token myuser --san myuser.internal --san 10.0.0.7 --output-file token");
  auto options = std::make_shared<TokenOptions>();
  command.add_option("SUBJECT", options->subject, "common name of the certificate")->required();
  command.add_option("--san", options->names, "subject alternative name, repeatable; default: the subject")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--not-before", options->not_before, "when the token becomes valid; default: now")
      ->type_name("TIME|DURATION");
  command.add_option("--not-after", options->not_after, "when the token expires; default: after 5 minutes")
      ->type_name("TIME|DURATION");
  command.add_option("--output-file", options->output_file, "where to write it (0600); else to standard output")
      ->type_name("FILE");
  options->provisioner.add_to(command);
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return token(*options); });
}

}  // namespace everleaf::cli
