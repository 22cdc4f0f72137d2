// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/streams.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include "cli/ca/renewal.hpp"
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

struct RenewOptions {
  RenewalOptions shared;
  std::string output_file;
  bool mtls = true;
};

int renew(const RenewOptions& options) {
  const auto& given = options.shared;
  const bool piped = !given.daemon && is_stream(given.key_file);  // it stays what it is: to read it once is enough
  const auto target = options.output_file.empty() ? given.certificate_file : options.output_file;
  const auto ask = [mtls = options.mtls](StepCa& ca, const Identity& present) {
    auto chain = mtls ? everleaf::renew(ca, present, system_now()) : ca.renew_by_token(present, system_now());
    const ExpectedCertificate expected{present.key, {}, present.leaf(), std::nullopt};
    return accept(std::move(chain), expected, ca.trusted_roots(), system_now());
  };
  return run(given, {.verb = "renew",
                     .past = "renewed",
                     .certificate = target,
                     .key = piped ? "" : given.key_file,
                     .key_file = piped ? KeyFile::piped : KeyFile::keep,
                     .ask = ask,
                     .say_saved = [&] { say("Your certificate has been saved in " + target + "."); }});
}

}  // namespace

void add_ca_renew(CLI::App& ca) {
  auto& command = *ca.add_subcommand("renew", "Renew a certificate with its present key");
  command.footer(
      "Examples:\n"
      "  everleaf ca renew --force client.crt client.key\n"
      "  everleaf ca renew --force --expires-in 8h --exec \"nginx -s reload\" client.crt client.key\n"
      "  everleaf ca renew --daemon --exec \"nginx -s reload\" client.crt client.key\n"
      "\n"
      "With --daemon it ends by SIGTERM, renews at once by SIGHUP, and runs a hook that failed again until it worked.");
  auto options = std::make_shared<RenewOptions>();
  options->shared.add_to(command, "--renew-period");
  command.add_option("--out,--output-file", options->output_file, "where to write the new certificate; default: CRT")
      ->type_name("FILE");
  command.add_flag("--mtls,!--no-mtls", options->mtls, "--mtls=false authenticates by a token instead of by TLS");
  on_run(command, [options] { return renew(*options); });
}

}  // namespace everleaf::cli
