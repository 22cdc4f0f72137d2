// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct FederationOptions {
  std::string file;
  CaOptions ca;
  ForceOption force;
};

int federation(const FederationOptions& options) {
  OutputFile output(options.file, options.force.existing_files());
  if (output.write(to_pem(options.ca.connect().federation()), "roots"))
    say("The federation certificate bundle has been saved in " + options.file + ".");
  return 0;
}

}  // namespace

void add_ca_federation(CLI::App& ca) {
  auto& command = *ca.add_subcommand("federation", "Fetch the roots of a CA and of those it is federated with");
  command.footer(
      "Examples:\n"
      "  everleaf ca federation federation.pem\n"
      "  everleaf ca federation --ca-url https://ca.internal:9443 --root root_ca.crt");
  auto options = std::make_shared<FederationOptions>();
  command.add_option("FILE", options->file, "where to write them; else to standard output");
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return federation(*options); });
}

}  // namespace everleaf::cli
