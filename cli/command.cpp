// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <algorithm>

#include "cli/context/defaults.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

int status_of_command = 1;

// step reads STEP_ and the first name of a flag; of --force that is the short one.
std::string environment_name(const CLI::Option& option) {
  std::string name = option.check_sname("f") ? "f" : option.get_lnames().front();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '-' ? '_' : std::toupper(c); });
  return "STEP_" + name;
}

// The context is looked for first: it says which files there are.
void apply_all_defaults(CLI::App& command) {
  const auto* option = command.get_option_no_throw("--context");
  const auto context = option != nullptr && option->count() != 0 ? option->as<std::string>() : std::string();
  if (const auto path = StepPath::if_any(context))
    for (const auto& file : path->defaults()) apply_defaults(command, file);
}

}  // namespace

void on_run(CLI::App& command, std::function<int()> run, RunRules rules) {
  // Only once it is this command's turn: CLI11 reads the environment for every command of the tree, and STEP_FORMAT of
  // one would be a wrong value for another.
  command.preparse_callback([&command](std::size_t) {
    for (auto* option : command.get_options())
      if (takes_values_from_outside(*option)) option->envname(environment_name(*option));
  });
  on_own_run(
      command,
      [&command, run = std::move(run), takes_defaults = rules.takes_defaults] {
        if (takes_defaults) apply_all_defaults(command);
        return run();
      },
      rules.failed);
}

void on_own_run(CLI::App& command, std::function<int()> run, int failed) {
  add_report_options(command);
  command.callback([run = std::move(run), failed] {
    status_of_command = failed;
    status_of_command = run();
  });
}

int exit_status() { return status_of_command; }

}  // namespace everleaf::cli
