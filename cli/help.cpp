// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

int help(const std::vector<std::string>& words) {
  const auto tree = command_tree();  // one of its own: that of a running command shows nothing but this command
  const CLI::App* command = tree.get();
  std::string before;
  for (const auto& word : words) {
    const auto found = command->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
    if (found.empty())
      throw Error(ErrorKind::usage, "there is no command \"" + escape(word) + "\"",
                  "\"everleaf help\" shows those that there are");
    before += (before.empty() ? "" : " ") + command->get_name();
    command = found.front();
  }
  print("help", command->help(before));
  return 0;
}

}  // namespace

void add_help(CLI::App& app) {
  auto& command = *app.add_subcommand("help", "Show what a command does and takes, as --help does");
  command.footer(
      "Examples:\n"
      "  everleaf help\n"
      "  everleaf help ca certificate");
  auto words = std::make_shared<std::vector<std::string>>();
  command.add_option("COMMAND", *words, "the words of the command");
  on_own_run(command, [words] { return help(*words); });
}

}  // namespace everleaf::cli
