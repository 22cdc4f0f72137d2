// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

int current() {
  const auto context = Contexts::load(StepPath::from_environment().base()).current();
  if (!context)
    throw Error(ErrorKind::missing, "no context is selected",
                "\"everleaf ca bootstrap --context NAME\" makes one, \"everleaf context select\" chooses");
  print_line("name", wants_json() ? context->name : escape(context->name));
  tell("authority", context->authority);
  tell("profile", context->profile);
  return 0;
}

}  // namespace

void add_context_current(CLI::App& context) {
  auto& command = *context.add_subcommand("current", "Print the name of the current context");
  command.footer(
      "Examples:\n"
      "  everleaf context current\n"
      "  everleaf context current --json");
  on_run(command, current);
}

}  // namespace everleaf::cli
