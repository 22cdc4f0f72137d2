// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/command.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

struct RemoveOptions {
  std::string name;
  ForceOption force;
};

// Its directories, but for those that another context uses as well.
std::vector<std::filesystem::path> directories_of(const Context& context, const Contexts& contexts,
                                                  const std::filesystem::path& base) {
  const auto all = contexts.all();
  const auto is_shared = [&](auto member) {
    return std::count_if(all.begin(), all.end(), [&](const Context& one) { return one.*member == context.*member; }) >
           1;
  };
  const auto path = StepPath::in(base, context);
  std::vector<std::filesystem::path> directories;
  if (!is_shared(&Context::authority)) directories.push_back(path.authority());
  if (!is_shared(&Context::profile)) directories.push_back(path.profile());
  return directories;
}

void ask(const RemoveOptions& options, const std::vector<std::filesystem::path>& directories) {
  if (options.force.force || directories.empty()) return;
  std::string question = "Remove context " + escape(options.name);
  for (const auto& directory : directories)
    question += (&directory == &directories.front() ? ", with " : " and ") + directory.string();
  if (!ask_yes_or_no(question + "? This cannot be undone", "--force removes it"))
    throw Error(ErrorKind::conflict, "context " + escape(options.name) + " was left as it is");
}

int remove(const RemoveOptions& options) {
  const auto base = StepPath::from_environment().base();
  auto contexts = Contexts::load(base);
  const auto context = contexts.find(options.name);
  if (!context)
    throw Error(ErrorKind::missing, "there is no context \"" + escape(options.name) + "\"",
                "\"everleaf context list\" shows those that there are");
  if (const auto current = contexts.current(); current && current->name == context->name)
    throw Error(ErrorKind::conflict, "\"" + escape(options.name) + "\" is the current context",
                "select another one first");
  const auto directories = directories_of(*context, contexts, base);
  ask(options, directories);
  for (const auto& directory : directories) std::filesystem::remove_all(directory);
  contexts.remove(options.name);
  tell("removed", options.name);
  return 0;
}

}  // namespace

void add_context_remove(CLI::App& context) {
  auto& command = *context.add_subcommand("remove", "Remove a context, with the files that only it uses");
  command.footer(
      "Examples:\n"
      "  everleaf context remove old-ca.internal\n"
      "  everleaf context remove --force old-ca.internal");
  auto options = std::make_shared<RemoveOptions>();
  command.add_option("NAME", options->name, "the context")->required();
  command.add_flag("-f,--force", options->force.force, "without asking");
  on_run(command, [options] { return remove(*options); });
}

}  // namespace everleaf::cli
