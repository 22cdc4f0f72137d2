// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <algorithm>

#include "cli/context/defaults.hpp"

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

}  // namespace

void on_run(CLI::App& command, std::function<int()> run, int failed) {
  for (auto* option : command.get_options())
    if (!option->get_lnames().empty() && !option->check_lname("help")) option->envname(environment_name(*option));
  command.callback([&command, run = std::move(run), failed] {
    status_of_command = failed;
    if (const auto path = StepPath::if_any()) apply_defaults(command, *path);
    status_of_command = run();
  });
}

int exit_status() { return status_of_command; }

}  // namespace everleaf::cli
