// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/command.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

int list() {
  const auto contexts = Contexts::load(StepPath::from_environment().base());
  const auto current = contexts.current();
  std::vector<std::string> names;
  for (const auto& context : contexts.all()) names.push_back(context.name);
  tell("contexts", names);
  if (current) tell("current", current->name);
  if (wants_json()) return 0;
  if (current) std::printf("▶ %s\n", escape(current->name).c_str());
  for (const auto& name : names)
    if (!current || name != current->name) std::puts(escape(name).c_str());
  return 0;
}

}  // namespace

void add_context_list(CLI::App& context) {
  auto& command = *context.add_subcommand("list", "List the contexts, the current one first");
  command.footer(
      "Examples:\n"
      "  everleaf context list\n"
      "  STEPPATH=/etc/step everleaf context list");
  on_run(command, list);
}

}  // namespace everleaf::cli
