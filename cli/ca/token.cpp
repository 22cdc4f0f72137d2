// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/files/file.hpp>
#include "cli/command.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct TokenOptions {
  std::string subject;
  std::vector<std::string> names;
  std::string output_file;
  CaOptions ca;
  ProvisionerOptions provisioner;
  ForceOption force;
};

int token(const TokenOptions& options) {
  if (!options.output_file.empty()) require_replaceable({options.output_file}, options.force.existing_files());
  auto ca = options.ca.connect();
  const auto names = options.names.empty() ? std::vector{options.subject} : options.names;
  const auto made = options.provisioner.make_token(ca, options.subject, names, system_now());
  if (options.output_file.empty())
    std::printf("%.*s\n", static_cast<int>(made.reveal().size()), made.reveal().data());
  else
    replace_file(options.output_file, made.reveal(), file_mode::private_key);
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
  command.add_option("--output-file", options->output_file, "where to write it (0600); else to standard output")
      ->type_name("FILE");
  options->provisioner.add_to(command);
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return token(*options); });
}

}  // namespace everleaf::cli
