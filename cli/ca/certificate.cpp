// SPDX-License-Identifier: Apache-2.0
#include <strings.h>

#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include <everleaf/step_ca/sign_token.hpp>
#include <everleaf/step_ca/token.hpp>
#include "cli/command.hpp"
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct CertificateOptions {
  std::string subject;
  std::string certificate_file;
  std::string key_file;
  std::vector<std::string> names;
  std::string token;
  CaOptions ca;
  ProvisionerOptions provisioner;
  KeyOptions key;
  ValidityOptions validity;
  ForceOption force;
};

// A token that carries the root's fingerprint leads to the CA by itself, as with step: --root is not needed then.
StepCa connect_by_token(const CertificateOptions& options, const TokenClaims& claims) {
  if (!claims.root || !claims.audience.starts_with("https://")) return options.ca.connect();
  const auto url = HttpsUrl::parse(options.ca.ca_url.empty() ? claims.audience : options.ca.ca_url);
  return StepCa(url, {fetch_root(url, *claims.root, {})}, {});
}

void require_same_subject(const TokenClaims& claims, const std::string& subject) {
  if (strcasecmp(claims.subject.c_str(), subject.c_str()) != 0)
    throw Error(
        ErrorKind::usage,
        "token subject \"" + escape(claims.subject) + "\" and argument \"" + escape(subject) + "\" do not match",
        "ask for the token's subject, or make another token with \"everleaf ca token\"");
}

int certificate(const CertificateOptions& options) {
  std::optional<TokenClaims> given;
  if (!options.token.empty()) {
    given = read_token(Secret(options.token));
    require_same_subject(*given, options.subject);
  }
  const auto key_type = options.key.type();
  OutputPair output(options.certificate_file, options.key_file, KeyFile::write, options.force.existing_files());

  auto ca = given ? connect_by_token(options, *given) : options.ca.connect();
  auto names = given ? given->names : options.names;
  if (names.empty()) names = {options.subject};
  const auto now = system_now();
  const auto token =
      given ? Secret(options.token)
            : options.provisioner.make_token(ca, options.subject, names, {now, now + usual_token_lifetime});
  say_checked("CA", ca.url().origin());

  const auto key = PrivateKey::generate(key_type);
  // As the token writes it: the CA compares the case too.
  const auto subject = given ? given->subject : options.subject;
  const CertificateWish wish{subject, names, options.validity.not_before, options.validity.not_after};
  const ExpectedCertificate expected{key, classify_all(names), std::nullopt, options.validity.lifetime()};
  output.write(accept(enroll(ca, wish, key, token), expected, ca.trusted_roots(), system_now()));
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
      "  everleaf ca certificate web.internal web.crt web.key --san web.internal --san 10.0.0.7 --not-after 8h");
  auto options = std::make_shared<CertificateOptions>();
  command.add_option("SUBJECT", options->subject, "common name of the certificate")->required();
  command.add_option("CRT", options->certificate_file, "where to write the certificate and its chain")->required();
  command.add_option("KEY", options->key_file, "where to write the key")->required();
  auto* token =
      command.add_option("--token", options->token, "one-time token; nothing else is needed then")->type_name("TOKEN");
  command.add_option("--san", options->names, "subject alternative name, repeatable; default: the subject")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->excludes(token);
  options->provisioner.add_to(command);
  options->key.add_to(command);
  options->validity.add_to(command);
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return certificate(*options); });
}

}  // namespace everleaf::cli
