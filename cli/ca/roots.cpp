// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct RootsOptions {
  std::string file;
  CaOptions ca;
  ForceOption force;
};

int roots(const RootsOptions& options) {
  OutputFile output(options.file, options.force.existing_files());
  if (output.write(to_pem(options.ca.connect().roots()), "roots"))
    say("The root certificate bundle has been saved in " + options.file + ".");
  return 0;
}

}  // namespace

void add_ca_roots(CLI::App& ca) {
  auto& command = *ca.add_subcommand("roots", "Fetch all root certificates of a CA that is trusted already");
  command.footer(
      "Examples:\n"
      "  everleaf ca roots roots.pem\n"
      "  everleaf ca roots --ca-url https://ca.internal:9443 --root root_ca.crt");
  auto options = std::make_shared<RootsOptions>();
  command.add_option("FILE", options->file, "where to write them; else to standard output");
  options->ca.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return roots(*options); });
}

}  // namespace everleaf::cli
