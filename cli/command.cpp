// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <everleaf/error/error.hpp>

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

bool is_list(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

// What the variable of a list holds, if that is more than one value: CLI11 would take it for one.
std::vector<std::string> values_in_variable(const CLI::Option& option) {
  const char* text = is_list(option) ? std::getenv(environment_name(option).c_str()) : nullptr;
  if (text == nullptr || std::strchr(text, ',') == nullptr) return {};
  auto values = CLI::detail::split(text, ',');
  for (auto& value : values) CLI::detail::trim(value);
  return values;
}

void apply_list_variables(CLI::App& command) {
  for (auto* option : command.get_options()) {
    if (!takes_values_from_outside(*option) || option->count() != 0) continue;
    const auto values = values_in_variable(*option);
    for (const auto& value : values) option->add_result(value);
    if (!values.empty()) option->run_callback();
  }
}

// As in a script whose variable is not set. Only a subject may be empty.
void require_names(const CLI::App& command) {
  for (const auto* option : command.get_options())
    if (option->get_positional() && option->get_name() != "SUBJECT" && !option->empty() &&
        option->results().back().empty())
      throw Error(ErrorKind::usage, option->get_name() + " is empty");
}

// The context is looked for first: it says which files there are.
void apply_all_defaults(CLI::App& command) {
  const auto* option = command.get_option_no_throw("--context");
  const auto context = option != nullptr && option->count() != 0 ? option->as<std::string>() : std::string();
  const auto path = StepPath::if_any(context);
  auto files = path ? path->defaults() : std::vector<std::filesystem::path>();
  if (!given_defaults().empty() && (!path || !path->uses_contexts())) {
    if (!std::filesystem::exists(given_defaults()))
      throw Error(ErrorKind::missing, "--config: there is no " + given_defaults().string());
    files = {given_defaults()};
  }
  for (const auto& file : files) apply_defaults(command, file);
}

}  // namespace

void on_run(CLI::App& command, std::function<int()> run, RunRules rules) {
  // Only once it is this command's turn: CLI11 reads the environment for every command of the tree, and STEP_FORMAT of
  // one would be a wrong value for another.
  command.preparse_callback([&command](std::size_t) {
    for (auto* option : command.get_options())
      if (takes_values_from_outside(*option) && values_in_variable(*option).empty())
        option->envname(environment_name(*option));
  });
  on_own_run(
      command,
      [&command, run = std::move(run), takes_defaults = rules.takes_defaults] {
        apply_list_variables(command);
        if (takes_defaults) apply_all_defaults(command);
        return run();
      },
      rules.failed);
}

void on_own_run(CLI::App& command, std::function<int()> run, int failed) {
  add_report_options(command);
  for (auto* option : command.get_options())  // as in a wrapper's step ca token $DEFAULTS "$@"
    if (!option->get_lnames().empty() && !is_list(*option))
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command.callback([&command, run = std::move(run), failed] {
    status_of_command = failed;
    require_names(command);
    status_of_command = run();
  });
}

std::filesystem::path& given_defaults() {
  static std::filesystem::path of_this_run;
  return of_this_run;
}

int exit_status() { return status_of_command; }

}  // namespace everleaf::cli
