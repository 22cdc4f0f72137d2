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

struct RekeyOptions {
  std::string certificate_file;
  std::string key_file;
  std::string certificate_output;
  std::string key_output;
  std::string private_key;
  std::string password_file;
  std::string expires_in;
  KeyOptions key;
  HookOptions hooks;
  CaOptions ca;
  ForceOption force;
};

// Whether it was due.
bool rekey(const RekeyOptions& options) try {
  const auto present = read_pair(options.certificate_file, options.key_file, options.password_file);
  if (const auto left = not_due_for(present.leaf(), options.expires_in, system_now())) {
    say("certificate not rekeyed: expires in " + format_duration(*left));
    return false;
  }
  const auto new_key = options.private_key.empty()
                           ? PrivateKey::generate(options.key.type())
                           : PrivateKey::from_pem(read_file(options.private_key), options.private_key);
  const auto certificate_target =
      options.certificate_output.empty() ? options.certificate_file : options.certificate_output;
  const bool keeps_given_key = !options.private_key.empty() && options.key_output.empty();
  const auto key_target = keeps_given_key              ? options.private_key
                          : options.key_output.empty() ? options.key_file
                                                       : options.key_output;
  OutputPair output(certificate_target, key_target, keeps_given_key ? KeyFile::keep : KeyFile::write,
                    options.force.existing_files());

  auto ca = options.ca.connect();
  const ExpectedCertificate expected{new_key, {}, present.leaf(), std::nullopt};
  output.write(accept(everleaf::rekey(ca, present, new_key, system_now()), expected, ca.trusted_roots(), system_now()));
  say_checked("Certificate", certificate_target);
  say_checked("Private Key", key_target);
  return true;
} catch (const Error& error) {
  throw renewal_error(error, "cannot rekey " + options.certificate_file);
}

}  // namespace

void add_ca_rekey(CLI::App& ca) {
  auto& command = *ca.add_subcommand("rekey", "Renew a certificate with a new key");
  command.footer(
      "Examples:\n"
      "  everleaf ca rekey --force client.crt client.key\n"
      "  everleaf ca rekey --kty OKP --out-cert new.crt --out-key new.key client.crt client.key");
  auto options = std::make_shared<RekeyOptions>();
  command.add_option("CRT", options->certificate_file, "the certificate and its chain")->required();
  command.add_option("KEY", options->key_file, "its key")->required();
  command.add_option("--out-cert", options->certificate_output, "where to write the new certificate; default: CRT")
      ->type_name("FILE");
  command.add_option("--out-key", options->key_output, "where to write the new key; default: KEY")->type_name("FILE");
  command.add_option("--private-key", options->private_key, "use this key instead of a new one")->type_name("FILE");
  command.add_option("--password-file", options->password_file, "file with the password of KEY")->type_name("FILE");
  command.add_option("--expires-in", options->expires_in, "only if it expires within this time")->type_name("DURATION");
  options->key.add_to(command);
  options->hooks.add_to(command);
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] {
    if (rekey(*options)) options->hooks.run();
    return 0;
  });
}

}  // namespace everleaf::cli
