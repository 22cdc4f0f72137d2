// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <everleaf/x509/serial_number.hpp>
#include "cli/ca/given_token.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/output_files.hpp"
#include "cli/provisioner/provisioner_options.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct RevokeOptions {
  std::string serial;
  std::string certificate_file;
  std::string key_file;
  std::string token;
  std::string reason;
  std::string reason_code;
  CaOptions ca;
  ProvisionerOptions provisioner;
};

// RFC 5280, section 5.3.1; 7 is not used.
constexpr std::array<std::string_view, 11> reasons{
    "unspecified",   "keycompromise",        "cacompromise",    "affiliationchanged",
    "superseded",    "cessationofoperation", "certificatehold", "",
    "removefromcrl", "privilegewithdrawn",   "aacompromise"};

// A number, or a name in any case and with or without spaces.
int code_of(const std::string& text) {
  int code = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error == std::errc{} && stop == text.data() + text.size() && code >= 0 && code <= 10) return code;
  std::string name;
  for (const char c : text)
    if (c != ' ') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto* const found = std::find(reasons.begin(), reasons.end(), name);
  if (name.empty() || found == reasons.end())
    throw Error(ErrorKind::usage, "invalid value \"" + escape(text) + "\" for --reasonCode",
                "a number from 0 to 10, or a name as keyCompromise, superseded, cessationOfOperation");
  return static_cast<int>(found - reasons.begin());
}

void say_revoked(const std::string& serial) {
  say("Certificate with Serial Number " + serial + " has been revoked.");
  tell("revoked", serial);
}

int revoke_own(const RevokeOptions& options, Revocation revocation) {
  const auto identity = read_pair(options.certificate_file, options.key_file, options.provisioner.other_password_file);
  revocation.serial = identity.leaf().serial_decimal();
  auto ca = options.ca.connect();
  say_ca(ca);
  ca.revoke(revocation, identity);
  say_revoked(revocation.serial);
  return 0;
}

int revoke_by_token(const RevokeOptions& options, Revocation revocation) {
  const auto serial = parse_serial_number(options.serial);
  if (!serial)
    throw Error(ErrorKind::usage, "\"" + escape(options.serial) + "\" is not a serial number",
                "in decimal, or in hex after 0x");
  revocation.serial = *serial;
  std::optional<TokenClaims> given;
  if (!options.token.empty()) {
    given = read_given_token(options.token);
    require_subject(*given, *serial, "serial number");
  }
  auto ca = given ? connect_by_token(options.ca, *given) : options.ca.connect();
  const auto now = system_now();
  revocation.token =
      given ? Secret(options.token)
            : options.provisioner.make_token(
                  ca, options.provisioner.choose(ca.provisioners()),
                  {.path = "/1.0/revoke", .subject = *serial, .validity = {now, now + usual_token_lifetime}});
  say_ca(ca);
  ca.revoke(revocation, std::nullopt);
  say_revoked(revocation.serial);
  return 0;
}

int revoke(const RevokeOptions& options) {
  Revocation revocation{.reason_code = options.reason_code.empty() ? 0 : code_of(options.reason_code),
                        .reason = options.reason};
  if (!options.certificate_file.empty()) return revoke_own(options, std::move(revocation));
  if (options.serial.empty())
    throw Error(ErrorKind::usage, "nothing says which certificate", "give its serial number, or --cert and --key");
  return revoke_by_token(options, std::move(revocation));
}

}  // namespace

void add_ca_revoke(CLI::App& ca) {
  auto& command = *ca.add_subcommand("revoke", "Revoke a certificate: the CA does not renew it any more");
  command.footer(
      "Examples:\n"
      "  everleaf ca revoke --cert client.crt --key client.key --reasonCode keyCompromise\n"
      "  everleaf ca revoke 327864450609575122000462909521132708282 --token \"$(cat token)\"");
  auto options = std::make_shared<RevokeOptions>();
  auto* serial = command.add_option("SERIAL", options->serial, "its serial number, in decimal or in hex after 0x");
  auto* certificate =
      command.add_option("--cert", options->certificate_file, "the certificate; no token is needed then")
          ->type_name("FILE")
          ->excludes(serial);
  auto* key = command.add_option("--key", options->key_file, "its key")->type_name("FILE")->needs(certificate);
  certificate->needs(key);
  add_token_option(command, options->token, "one-time token from \"ca token --revoke\"")->excludes(certificate);
  require_utf8(command.add_option("--reason", options->reason, "why, in your words"))->type_name("TEXT");
  command.add_option("--reasonCode", options->reason_code, "why, as a number or name: 1 or keyCompromise")
      ->type_name("CODE");
  options->provisioner.add_to(command);
  options->ca.add_to(command);
  refuse_offline(command);
  on_run(command, [options] { return revoke(*options); });
}

}  // namespace everleaf::cli
