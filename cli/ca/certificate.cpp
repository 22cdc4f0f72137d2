// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/check.hpp>
#include "cli/ca/given_token.hpp"
#include "cli/ca/issuance.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct CertificateOptions {
  std::string subject;
  std::string certificate_file;
  std::string key_file;
  std::vector<std::string> names;
  IssuanceOptions issuance;
  KeyOptions key;
  ForceOption force;
  OutputOptions output;
};

int certificate(const CertificateOptions& options) {
  const auto given = options.issuance.given_token();
  if (given) require_subject(*given, options.subject, "argument");
  const auto key_type = options.key.type();
  OutputPair output(options.certificate_file, options.key_file, KeyFile::write, options.force.existing_files(),
                    options.output);

  // As the token writes it: the CA compares the case too.
  const auto subject = given ? given->subject : options.subject;
  auto names = given ? given->names : options.names;
  std::erase(names, "");
  if (names.empty()) names = {options.subject};
  const auto key = PrivateKey::generate(key_type);
  auto issued = options.issuance.issue({subject, names, key});
  const ExpectedCertificate expected{key, issued.names, std::nullopt, issued.lifetime};
  output.write(accept(std::move(issued.chain), expected, issued.roots, issued.judged_at), issued.roots);
  say_checked("Certificate", options.certificate_file);
  say_checked("Private Key", options.key_file);
  return 0;
}

}  // namespace

void add_ca_certificate(CLI::App& ca) {
  auto& command = *ca.add_subcommand("certificate", "Get a certificate and a new key for it");
  command.footer(
      "Examples:\n"
      "  everleaf ca certificate myuser client.crt client.key --provisioner-password-file password\n"
      "  everleaf ca certificate myuser client.crt client.key --token \"$(cat token)\"\n"
      "  everleaf ca certificate web.internal web.crt web.key --san web.internal --san 10.0.0.7 --not-after 8h\n"
      "  everleaf ca certificate myuser client.crt client.key --provisioner hosts --x5c-cert host.crt --x5c-key "
      "host.key\n"
      "  everleaf ca certificate web.internal web.crt web.key --provisioner pods --k8ssa-token-path token\n"
      "  everleaf ca certificate web.internal web.crt web.key --provisioner acme --webroot /var/www/html");
  auto options = std::make_shared<CertificateOptions>();
  require_utf8(command.add_option("SUBJECT", options->subject, "common name of the certificate"))->required();
  command.add_option("CRT", options->certificate_file, "where to write the certificate and its chain")->required();
  command.add_option("KEY", options->key_file, "where to write the key")->required();
  auto* token = options->issuance.add_to(command);
  require_utf8(
      command.add_option("--san", options->names, "subject alternative name, repeatable; default: the subject"))
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->excludes(token);
  options->key.add_to(command);
  options->force.add_to(command);
  options->output.add_to(command);
  refuse_other_credentials(command);
  refuse_offline(command);
  on_run(command, [options] { return certificate(*options); });
}

}  // namespace everleaf::cli
