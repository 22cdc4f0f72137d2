// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct RootOptions {
  std::string file;
  CaOptions ca;
  FingerprintOption fingerprint;
  ForceOption force;
};

int root(const RootOptions& options) {
  const auto url = options.ca.url();
  const auto fingerprint = options.fingerprint.fingerprint();
  OutputFile output(options.file, options.force.existing_files());
  if (output.write(fetch_root(url, fingerprint, {}).to_pem(), "root"))
    say("The root certificate has been saved in " + options.file + ".");
  return 0;
}

}  // namespace

void add_ca_root(CLI::App& ca) {
  auto& command = *ca.add_subcommand("root", "Fetch the root certificate with a known fingerprint");
  command.footer(
      "Examples:\n"
      "  everleaf ca root ca.crt\n"
      "  everleaf ca root --ca-url https://ca.internal:9443 --fingerprint df28d2db70ca... > ca.crt");
  auto options = std::make_shared<RootOptions>();
  command.add_option("FILE", options->file, "where to write it; else to standard output");
  options->ca.add_url_to(command);
  options->fingerprint.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return root(*options); });
}

}  // namespace everleaf::cli
