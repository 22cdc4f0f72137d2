// SPDX-License-Identifier: Apache-2.0
#include "agent/options.hpp"

#include <CLI/CLI.hpp>

namespace everleaf::agent {

std::unique_ptr<CLI::App> option_tree(Options& options) {
  auto app = std::make_unique<CLI::App>("Keeps the certificates of a step-ca fresh, and makes proxies take them up.",
                                        "everleafd");
  const auto choose = [&options](Options::Mode mode) { return [&options, mode] { options.mode = mode; }; };
  app->set_version_flag("--version", "everleafd " EVERLEAF_VERSION);
  app->add_option("--config", options.configuration, "configuration file; conf.d/*.toml beside it is read as well")
      ->type_name("FILE")
      ->capture_default_str();
  auto* once = app->add_flag_callback("--once", choose(Options::Mode::once),
                                      "do all that is due, then exit: 0 if all is well, else 1");
  app->add_flag_callback("--check", choose(Options::Mode::check),
                         "say everything that is wrong with the configuration, then exit: 0 if nothing is, else 1")
      ->excludes(once);
  app->footer(
      "SIGHUP reads the configuration again and keeps the old one if the new one is wrong. SIGTERM ends it.\n\n"
      "Examples:\n"
      "  everleafd --config /etc/everleaf/everleaf.toml --check\n"
      "  everleafd --once");
  return app;
}

std::optional<Options> read_options(int argc, char** argv, int& exit_status) {
  Options options;
  const auto app = option_tree(options);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      exit_status = app->exit(error);
    } else {
      std::cerr << "everleafd: error: " << error.what()
                << "\neverleafd: hint: \"everleafd --help\" shows what can be given\n";
      exit_status = 1;
    }
    return std::nullopt;
  }
  return options;
}

}  // namespace everleaf::agent
