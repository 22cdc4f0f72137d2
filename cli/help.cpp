// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

void require_command(const CLI::App& tree, const std::vector<std::string>& words) {
  const auto* command = &tree;
  for (const auto& word : words) {
    const auto found = command->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
    if (found.empty())
      throw Error(ErrorKind::usage, "there is no command \"" + escape(word) + "\"",
                  "\"everleaf help\" shows those that there are");
    command = found.front();
    if (command->get_prefix_command()) return;  // not supported: it refuses whatever follows
  }
}

int help(std::vector<std::string> words) {
  const auto tree = command_tree();  // one of its own: that of a running command shows nothing but this command
  require_command(*tree, words);
  words.push_back("--help");
  std::reverse(words.begin(), words.end());  // the order in which CLI11 takes them
  try {
    tree->parse(words);
  } catch (const CLI::ParseError&) {  // the call for help
  }
  print("help", tree->help());
  return 0;
}

std::vector<std::string> words_of(const CLI::App& group) {
  if (group.get_parent() == nullptr) return {};
  auto words = words_of(*group.get_parent());
  words.push_back(group.get_name());
  return words;
}

CLI::App& add_help_command(CLI::App& parent) {
  auto& command = *parent.add_subcommand("help", "Show what a command does and takes, as --help does");
  auto words = std::make_shared<std::vector<std::string>>();
  command.add_option("COMMAND", *words, "the words of the command");
  on_own_run(command, [words, before = words_of(parent)] {
    auto all = before;
    all.insert(all.end(), words->begin(), words->end());
    return help(std::move(all));
  });
  return command;
}

}  // namespace

void add_help(CLI::App& app) {
  auto& command = add_help_command(app);
  command.footer(
      "Examples:\n"
      "  everleaf help\n"
      "  everleaf help ca certificate");
}

void add_group_help(CLI::App& group) { add_help_command(group).group(""); }

}  // namespace everleaf::cli
