// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include "cli/ca/due.hpp"
#include "cli/ca/renewal_error.hpp"
#include "cli/command.hpp"
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct RenewOptions {
  std::string certificate_file;
  std::string key_file;
  std::string output_file;
  std::string password_file;
  std::string expires_in;
  bool mtls = true;
  HookOptions hooks;
  CaOptions ca;
  ForceOption force;
};

// Whether it was due.
bool renew(const RenewOptions& options) try {
  const auto present = read_pair(options.certificate_file, options.key_file, options.password_file);
  if (const auto left = not_due_for(present.leaf(), options.expires_in, system_now())) {
    say("certificate not renewed: expires in " + format_duration(*left));
    return false;
  }
  const auto target = options.output_file.empty() ? options.certificate_file : options.output_file;
  OutputPair output(target, options.key_file, KeyFile::keep, options.force.existing_files());

  auto ca = options.ca.connect();
  auto chain = options.mtls ? everleaf::renew(ca, present, system_now()) : ca.renew_by_token(present, system_now());
  const ExpectedCertificate expected{present.key, {}, present.leaf(), std::nullopt};
  output.write(accept(std::move(chain), expected, ca.trusted_roots(), system_now()));
  say("Your certificate has been saved in " + target + ".");
  return true;
} catch (const Error& error) {
  throw renewal_error(error, "cannot renew " + options.certificate_file);
}

}  // namespace

void add_ca_renew(CLI::App& ca) {
  auto& command = *ca.add_subcommand("renew", "Renew a certificate with its present key");
  command.footer(
      "Examples:\n"
      "  everleaf ca renew --force client.crt client.key\n"
      "  everleaf ca renew --force --expires-in 8h --exec \"nginx -s reload\" client.crt client.key");
  auto options = std::make_shared<RenewOptions>();
  command.add_option("CRT", options->certificate_file, "the certificate and its chain")->required();
  command.add_option("KEY", options->key_file, "its key")->required();
  command.add_option("--out,--output-file", options->output_file, "where to write the new certificate; default: CRT")
      ->type_name("FILE");
  command.add_option("--password-file", options->password_file, "file with the password of the key")->type_name("FILE");
  command.add_option("--expires-in", options->expires_in, "only if it expires within this time")->type_name("DURATION");
  command.add_flag("--mtls,!--no-mtls", options->mtls, "--mtls=false authenticates by a token instead of by TLS");
  options->hooks.add_to(command);
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] {
    if (renew(*options)) options->hooks.run();
    return 0;
  });
}

}  // namespace everleaf::cli
