// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

int select(const std::string& name) {
  auto contexts = Contexts::load(StepPath::from_environment().base());
  if (!contexts.find(name))
    throw Error(ErrorKind::missing, "there is no context \"" + escape(name) + "\"",
                "\"everleaf context list\" shows those that there are");
  contexts.select(name);
  say_checked("Context", name);
  tell("context", name);
  return 0;
}

}  // namespace

void add_context_select(CLI::App& context) {
  auto& command = *context.add_subcommand("select", "Make a context the current one");
  command.footer(
      "Examples:\n"
      "  everleaf context select ca.internal\n"
      "  STEPPATH=/etc/step everleaf context select production");
  auto name = std::make_shared<std::string>();
  command.add_option("NAME", *name, "the context")->required();
  on_run(command, [name] { return select(*name); });
}

}  // namespace everleaf::cli
