// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/files/streams.hpp>
#include <everleaf/x509/certificate_request.hpp>
#include "cli/ca/offline.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/output_file.hpp"
#include "cli/provisioner/provisioner_options.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"
#include "cli/template_values.hpp"

namespace everleaf::cli {
namespace {

struct TokenOptions {
  std::string subject;
  std::vector<std::string> names;
  std::string not_before;
  std::string not_after;
  std::string output_file;
  std::string request;
  std::string request_file;
  bool revoke = false;
  bool renew = false;
  CaOptions ca;
  ProvisionerOptions provisioner;
  TemplateValues values;
  OfflineOptions offline;
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

// As a token names a request: base64url of its SHA-256. In hex it would fit none; so it is turned into that.
std::string request_digest(const TokenOptions& options) {
  if (!options.request_file.empty())
    return base64url_of(
        CertificateRequest::from_pem_or_der(read_input(options.request_file), options.request_file).fingerprint());
  if (const auto hex = Fingerprint::parse(options.request)) return base64url_of(*hex);
  if (!options.request.empty() && options.request.size() != 43)
    throw Error(ErrorKind::usage, "invalid value \"" + escape(options.request) + "\" for --cnf",
                "\"everleaf certificate fingerprint --format base64-url-raw CSR\" prints it; or give --cnf-file CSR");
  return options.request;
}

// With which the certificate's owner renews it without TLS client authentication.
Secret renew_token(const TokenOptions& options, Time now) {
  const auto identity = options.provisioner.x5c.read(options.provisioner.password_file());
  if (identity.leaf().common_name() != options.subject)
    throw Error(ErrorKind::usage, "SUBJECT must be the certificate's common name \"" +
                                      escape(identity.leaf().common_name()) + "\", not \"" + escape(options.subject) +
                                      "\"");
  return make_renew_token(identity, options.ca.url().at("/renew"), now);
}

Secret provisioner_token(const TokenOptions& options, Time now) {
  TokenWish wish{.subject = options.subject,
                 .names = options.names,
                 .request = request_digest(options),
                 .validity = token_validity(options, now),
                 .made = now,
                 .template_values = options.values.as_json()};
  std::erase(wish.names, "");
  if (options.revoke) wish.path = "/1.0/revoke";
  if (wish.names.empty() && !options.revoke) wish.names = {options.subject};
  if (options.offline.offline) return options.offline.make_token(options.ca, options.provisioner, wish);
  auto ca = options.ca.connect();
  return options.provisioner.make_token(ca, options.provisioner.choose(ca.provisioners()), wish);
}

int token(const TokenOptions& options) {
  if (options.renew && !options.provisioner.x5c.is_given())
    throw Error(ErrorKind::usage, "--renew requires --x5c-cert and --x5c-key", "the certificate that is to be renewed");
  OutputFile output(options.output_file, options.force.existing_files());
  const auto now = system_now();
  const auto made = options.renew ? renew_token(options, now) : provisioner_token(options, now);
  if (!output.write(made.reveal(), "token") && !wants_json()) std::puts("");
  return 0;
}

void add_purposes(CLI::App& command, TokenOptions& options, CLI::Option* san) {
  auto* revoke = command.add_flag("--revoke", options.revoke, "for \"ca revoke\"; SUBJECT is the serial number");
  revoke->excludes(san);
  command
      .add_flag("--renew", options.renew,
                "for renewing the certificate of --x5c-cert without TLS client authentication")
      ->excludes(revoke)
      ->excludes(san)
      ->excludes(command.get_option("--set"))
      ->excludes(command.get_option("--set-file"));
}

}  // namespace

void add_ca_token(CLI::App& ca) {
  auto& command = *ca.add_subcommand("token", "Make a one-time token for a certificate, a renewal or a revocation");
  command.footer(
      "Examples:\n"
      "  everleaf ca token myuser --provisioner admin --provisioner-password-file password\n"
      "  everleaf ca token myuser --san myuser.internal --cnf-file client.csr --output-file token\n"
      "  everleaf ca token myuser --provisioner hosts --x5c-cert host.crt --x5c-key host.key\n"
      "  everleaf ca token myuser --offline --provisioner admin --key provisioner.jwe --password-file password\n"
      "  everleaf ca token myuser --renew --x5c-cert client.crt --x5c-key client.key");
  auto options = std::make_shared<TokenOptions>();
  require_utf8(command.add_option("SUBJECT", options->subject, "common name of the certificate"))->required();
  auto* san = require_utf8(command.add_option("--san", options->names,
                                              "subject alternative name, repeatable; default: the subject"))
                  ->type_name("NAME")
                  ->allow_extra_args(false);
  command.add_option("--not-before", options->not_before, "when the token becomes valid; default: now")
      ->type_name("TIME|DURATION");
  command.add_option("--not-after", options->not_after, "when the token expires; default: after 5 minutes")
      ->type_name("TIME|DURATION");
  command.add_option("--output-file", options->output_file, "where to write it (0600); else to standard output")
      ->type_name("FILE");
  auto* request = command.add_option("--cnf", options->request, "only for the request with this fingerprint")
                      ->type_name("FINGERPRINT");
  command.add_option("--cnf-file", options->request_file, "only for this certificate request")
      ->type_name("FILE")
      ->excludes(request);
  options->values.add_to(command, ".Token.user");
  add_purposes(command, *options, san);
  require_utf8(command.add_option("--kid", options->provisioner.key_id, "key id of the provisioner"))->type_name("ID");
  options->provisioner.jwk.add_key_to(command);
  options->provisioner.add_to(command);
  options->provisioner.x5c.add_insecure_to(command);
  options->ca.add_to(command);
  options->offline.add_to(command);
  options->force.add_to(command);
  refuse_other_credentials(command);
  refuse_flags(command, {"--principal", "--cert-not-before", "--cert-not-after", "--sshpop-cert", "--sshpop-key"});
  refuse_switches(command, {"--ssh", "--host", "--rekey"});
  on_run(command, [options] { return token(*options); });
}

}  // namespace everleaf::cli
