// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

struct PathOptions {
  bool base = false;
  bool profile = false;
};

int path(const PathOptions& options) {
  const auto path = StepPath::from_environment();
  print_line("path", (options.base ? path.base() : options.profile ? path.profile() : path.authority()).string());
  return 0;
}

}  // namespace

void add_path(CLI::App& app) {
  auto& command = *app.add_subcommand("path", "Print where the files of the CA are kept (STEPPATH)");
  command.footer(
      "Examples:\n"
      "  everleaf path\n"
      "  cat \"$(everleaf path)/config/defaults.json\"");
  auto options = std::make_shared<PathOptions>();
  command.add_flag("--base", options->base, "the directory above all contexts");
  command.add_flag("--profile", options->profile, "the directory of the current context's profile");
  on_run(command, [options] { return path(*options); });
}

}  // namespace everleaf::cli
