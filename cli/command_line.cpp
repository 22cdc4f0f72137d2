// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdio>

#include <everleaf/config/nearest.hpp>
#include "cli/command.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

constexpr auto version_text = "everleaf " EVERLEAF_VERSION;

void add_commands(CLI::App& app) {
  auto& ca = *app.add_subcommand("ca", "Talk to a CA: get, renew and rekey certificates");
  ca.require_subcommand(1);
  add_ca_bootstrap(ca);
  add_ca_root(ca);
  add_ca_roots(ca);
  add_ca_health(ca);
  add_ca_certificate(ca);
  add_ca_token(ca);
  add_ca_renew(ca);
  add_ca_rekey(ca);
  auto& certificate = *app.add_subcommand("certificate", "Look at certificates");
  certificate.require_subcommand(1);
  add_certificate_inspect(certificate);
  add_certificate_fingerprint(certificate);
  add_certificate_needs_renewal(certificate);
  on_run(*app.add_subcommand("version", "Print the version"), [] { return std::puts(version_text) < 0 ? 1 : 0; });
}

const CLI::App& deepest(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : deepest(*parsed.front());
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() == nullptr ? "everleaf" : full_name(*command.get_parent()) + " " + command.get_name();
}

// What could have been meant: the command's flags, or its subcommands.
std::vector<std::string> possible_words(const CLI::App& command) {
  std::vector<std::string> words;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  for (const auto* subcommand : command.get_subcommands({})) words.push_back(subcommand->get_name());
  return words;
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto& command = deepest(app);
  std::string text = escape(error.what(), 400);
  std::string hint = "\"" + full_name(command) + " --help\" shows what can be given";
  if (const auto unexpected = app.remaining(true); !unexpected.empty()) {
    text = "unknown argument \"" + escape(unexpected.front(), 40) + "\"";
    const auto word = unexpected.front().substr(0, unexpected.front().find('='));
    if (const auto meant = nearest(word, possible_words(command)); !meant.empty())
      hint = "did you mean \"" + meant + "\"?";
  }
  return Error(ErrorKind::usage, text, hint);
}

}  // namespace

int failure_status() { return std::max(exit_status(), 1); }

int run_command_line(int argc, char** argv) {
  CLI::App app("Gets certificates from step-ca and keeps them fresh.", "everleaf");
  app.require_subcommand(1);
  app.set_version_flag("--version", version_text);
  add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    show_error(usage_error(app, error));
    const auto& command = deepest(app);
    return command.get_name() == "needs-renewal" ? 255 : 1;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(ErrorKind::storage, "cannot write to standard output");
  return exit_status();
}

}  // namespace everleaf::cli
