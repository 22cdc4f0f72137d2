// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include "cli/ca/renewal.hpp"
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

struct RekeyOptions {
  RenewalOptions shared;
  std::string certificate_output;
  std::string key_output;
  std::string private_key;
  KeyOptions key;
};

PrivateKey new_key(const RekeyOptions& options) {
  if (options.private_key.empty()) return PrivateKey::generate(options.key.type());
  return read_key(options.private_key, options.shared.password_file);
}

// A daemon whose certificate expired, because the CA was away or the machine was off, gets on with the old key: only a
// valid certificate can get a new one.
bool has_to_renew_first(const RekeyOptions& options, const Identity& present, Time now) {
  return options.shared.daemon && present.leaf().validity().not_after <= now;
}

Identity ask(const RekeyOptions& options, StepCa& ca, const Identity& present) {
  const auto now = system_now();
  const bool renews = has_to_renew_first(options, present, now);
  const auto key = renews ? present.key : new_key(options);
  auto chain = renews ? everleaf::renew(ca, present, now) : everleaf::rekey(ca, present, key, now);
  return accept(std::move(chain), {key, {}, present.leaf(), std::nullopt}, ca.trusted_roots(), system_now());
}

int rekey(const RekeyOptions& options) {
  const auto& given = options.shared;
  const auto certificate = options.certificate_output.empty() ? given.certificate_file : options.certificate_output;
  const bool keeps_given_key = !options.private_key.empty() && options.key_output.empty();
  const auto key = keeps_given_key              ? options.private_key
                   : options.key_output.empty() ? given.key_file
                                                : options.key_output;
  const auto say_saved = [&] {
    say_checked("Certificate", certificate);
    if (!keeps_given_key) say_checked("Private Key", key);
  };
  return run(given, {.verb = "rekey",
                     .past = "rekeyed",
                     .certificate = certificate,
                     .key = key,
                     .key_file = keeps_given_key ? KeyFile::keep : KeyFile::write,
                     .ask = [&](StepCa& ca, const Identity& present) { return ask(options, ca, present); },
                     .say_saved = say_saved});
}

}  // namespace

void add_ca_rekey(CLI::App& ca) {
  auto& command = *ca.add_subcommand("rekey", "Renew a certificate with a new key");
  command.footer(
      "Examples:\n"
      "  everleaf ca rekey --force client.crt client.key\n"
      "  everleaf ca rekey --kty OKP --out-cert new.crt --out-key new.key client.crt client.key\n"
      "  everleaf ca rekey --daemon --rekey-period 16h --exec \"nginx -s reload\" client.crt client.key\n"
      "\n"
      "With --daemon it ends by SIGTERM, rekeys at once by SIGHUP, and runs a hook that failed again until it worked.");
  auto options = std::make_shared<RekeyOptions>();
  options->shared.add_to(command, "--rekey-period");
  command.add_option("--out-cert", options->certificate_output, "where to write the new certificate; default: CRT")
      ->type_name("FILE");
  command.add_option("--out-key", options->key_output, "where to write the new key; default: KEY")->type_name("FILE");
  command.add_option("--private-key", options->private_key, "use this key instead of a new one")
      ->type_name("FILE")
      ->excludes(command.get_option("--daemon"));
  options->key.add_to(command);
  on_run(command, [options] { return rekey(*options); });
}

}  // namespace everleaf::cli
