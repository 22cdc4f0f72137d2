// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/json/json.hpp>
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {

void add_ca_provisioner(CLI::App& ca) {
  auto& provisioner = *ca.add_subcommand("provisioner", "Look at the CA's provisioners");
  provisioner.require_subcommand(1);
  add_report_options(provisioner);
  add_group_help(provisioner);
  for (const auto* name : {"add", "remove", "update", "get", "webhook"})
    add_refused_command(provisioner, name, "use \"step\" where the CA runs");
  add_refused_command(provisioner, "jwe-key", "\"everleaf ca provisioner list\" shows it as \"encryptedKey\"");
  auto& command = *provisioner.add_subcommand("list", "Print the CA's provisioners as JSON");
  command.footer(
      "Examples:\n"
      "  everleaf ca provisioner list\n"
      "  everleaf ca provisioner list --ca-url https://ca.internal:9443 --root root_ca.crt");
  auto options = std::make_shared<CaOptions>();
  options->add_to(command);
  on_run(command, [options] {
    auto list = nlohmann::ordered_json::array();
    for (const auto& one : options->connect().provisioners())
      list.push_back(parse_ordered_json(one.json, "the CA's answer"));
    if (wants_json())
      tell_all({{"provisioners", list}});
    else
      std::puts(list.dump(3).c_str());
    return 0;
  });
}

}  // namespace everleaf::cli
