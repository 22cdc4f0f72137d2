// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {

void add_ca_health(CLI::App& ca) {
  auto& command = *ca.add_subcommand("health", "Ask whether the CA is up");
  command.footer(
      "Examples:\n"
      "  everleaf ca health\n"
      "  everleaf ca health --ca-url https://ca.internal:9443 --root root_ca.crt");
  auto options = std::make_shared<CaOptions>();
  options->add_to(command);
  on_run(command, [options] {
    options->connect().health();
    print_line("health", "ok");
    return 0;
  });
}

}  // namespace everleaf::cli
