// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner/provisioner_options.hpp"

#include <algorithm>
#include <iterator>

#include "cli/report.hpp"
#include "cli/shared_options.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

std::string describe(const Provisioner& one) {
  return one.name + " (" + one.type + ")" + (one.key_id.empty() ? "" : " [kid: " + one.key_id + "]");
}

Provisioner choose_or_ask(const std::vector<Provisioner>& provisioners, const ProvisionerWish& wish) {
  const auto fitting = fitting_provisioners(provisioners, wish);
  if (fitting.size() == 1 || !has_terminal()) return choose_provisioner(provisioners, wish);
  std::vector<std::string> choices;
  std::transform(fitting.begin(), fitting.end(), std::back_inserter(choices), describe);
  return fitting[ask_choice("Which provisioner do you want to use", choices, "--provisioner and --kid choose one")];
}

}  // namespace

void ProvisionerOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "Who vouches for it");
  require_utf8(command.add_option("--provisioner,--issuer", name, "name of the provisioner"))->type_name("NAME");
  command
      .add_option("--provisioner-password-file", provisioner_password_file,
                  "file with the password of the provisioner's key, or of --x5c-key")
      ->type_name("FILE");
  command.add_option("--password-file", other_password_file, "the same, if that is not given")->type_name("FILE");
  x5c.add_to(command);
  k8ssa.add_to(command);
}

Provisioner ProvisionerOptions::choose(const std::vector<Provisioner>& provisioners) const {
  std::string type;
  for (const auto* credential : credentials())
    if (credential->is_given()) type = credential->type();
  auto chosen = choose_or_ask(provisioners, {name, type, key_id});
  say_checked("Provisioner", describe(chosen));
  tell("provisioner", chosen.name);
  return chosen;
}

Secret ProvisionerOptions::make_token(StepCa& ca, const Provisioner& chosen, const TokenWish& wish) const {
  for (const auto* credential : credentials())
    if (credential->type() == chosen.type) return credential->make_token(ca, chosen, wish, password_file());
  if (chosen.type == "ACME")
    throw Error(ErrorKind::usage, "ACME provisioners take no tokens",
                "\"everleaf ca certificate\" and \"everleaf ca sign\" ask them for certificates");
  throw Error(ErrorKind::usage, escape(chosen.type) + " provisioners are not supported yet",
              "choose another one with --provisioner, or give --token");
}

}  // namespace everleaf::cli
