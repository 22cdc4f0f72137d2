// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <everleaf/config/nearest.hpp>
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

constexpr auto version_text = "everleaf " EVERLEAF_VERSION;

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
  const auto is_shown = [](const auto* one) { return !one->get_group().empty(); };
  for (const auto* option : command.get_options(is_shown))
    for (const auto& name : option->get_lnames()) words.push_back("--" + name);
  for (const auto* subcommand : command.get_subcommands(is_shown)) words.push_back(subcommand->get_name());
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

int print_version() {
  print_line("version", wants_json() ? EVERLEAF_VERSION : version_text);
  return 0;
}

void add_version(CLI::App& app) {
  auto& command = *app.add_subcommand("version", "Print the version");
  command.footer(
      "Examples:\n"
      "  everleaf version\n"
      "  everleaf version --json");
  on_run(command, print_version);
}

struct Group {
  const char* name;
  const char* description;
};
constexpr Group groups[] = {
    {"ca", "Talk to a CA: get, renew, rekey and revoke certificates"},
    {"certificate", "Look at, check, convert and request certificates"},
    {"context", "Choose among several CAs"},
    {"setup", "Set up a proxy for everleafd"},
};

struct Command {
  std::string_view group;  // empty: of the program itself
  std::string_view name;
  void (*add)(CLI::App& group);
};
constexpr Command commands[] = {
    {"ca", "bootstrap", add_ca_bootstrap},
    {"ca", "root", add_ca_root},
    {"ca", "roots", add_ca_roots},
    {"ca", "federation", add_ca_federation},
    {"ca", "health", add_ca_health},
    {"ca", "certificate", add_ca_certificate},
    {"ca", "sign", add_ca_sign},
    {"ca", "token", add_ca_token},
    {"ca", "renew", add_ca_renew},
    {"ca", "rekey", add_ca_rekey},
    {"ca", "revoke", add_ca_revoke},
    {"ca", "provisioner", add_ca_provisioner},
    {"certificate", "inspect", add_certificate_inspect},
    {"certificate", "fingerprint", add_certificate_fingerprint},
    {"certificate", "needs-renewal", add_certificate_needs_renewal},
    {"certificate", "verify", add_certificate_verify},
    {"certificate", "bundle", add_certificate_bundle},
    {"certificate", "key", add_certificate_key},
    {"certificate", "format", add_certificate_format},
    {"certificate", "p12", add_certificate_p12},
    {"certificate", "create", add_certificate_create},
    {"certificate", "install", add_certificate_install},
    {"certificate", "uninstall", add_certificate_uninstall},
    {"context", "list", add_context_list},
    {"context", "current", add_context_current},
    {"context", "select", add_context_select},
    {"context", "remove", add_context_remove},
    {"", "path", add_path},
    {"", "help", add_help},
    {"", "status", add_status},
    {"", "plan", add_plan},
    {"", "renew", add_renew},
    {"", "check", add_check},
    {"setup", "nginx", add_setup_nginx},
    {"", "version", add_version},
};

void add_refused_commands(CLI::App& app) {
  for (const auto* name : {"init", "admin", "policy", "acme"})
    add_refused_command(*app.get_subcommand("ca"), name, "use \"step\" where the CA runs");
  auto& certificate = *app.get_subcommand("certificate");
  add_refused_command(certificate, "lint", "\"everleaf certificate inspect\" shows what is in a certificate");
  add_refused_command(certificate, "sign", "let the CA sign: \"everleaf ca sign\"");
}

// The whole tree, or only the command that is wanted.
std::unique_ptr<CLI::App> make_tree(const Command* wanted) {
  auto app = std::make_unique<CLI::App>("Gets certificates from step-ca and keeps them fresh.", "everleaf");
  app->require_subcommand(1);
  app->set_version_flag("--version", version_text);
  for (const auto& [name, description] : groups)
    if (wanted == nullptr || wanted->group == name) app->add_subcommand(name, description)->require_subcommand(1);
  for (const auto& command : commands)
    if (wanted == nullptr || wanted == &command)
      command.add(command.group.empty() ? *app : *app->get_subcommand(std::string(command.group)));
  if (wanted == nullptr) add_refused_commands(*app);
  return app;
}

// The command that stands first on the command line. It is made without the others, which would take as long as most
// commands do. Null: none does.
const Command* command_named(int argc, const char* const* argv) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : std::string_view(); };
  const auto* found = std::find_if(std::begin(commands), std::end(commands), [&](const Command& one) {
    return one.group.empty() ? one.name == word(1) : one.group == word(1) && one.name == word(2);
  });
  return found == std::end(commands) ? nullptr : found;
}

// Copies the arguments, in the order in which CLI11 takes them, and overwrites what `ps` must not show.
std::vector<std::string> take_arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::reverse(arguments.begin(), arguments.end());
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with("--token=")) std::fill(argv[i] + 8, argv[i] + word.size(), 'x');
    if (word == "--token" && i + 1 < argc && argv[i + 1][0] != '-')
      std::fill_n(argv[i + 1], std::strlen(argv[i + 1]), 'x');
  }
  return arguments;
}

}  // namespace

std::unique_ptr<CLI::App> command_tree() { return make_tree(nullptr); }

int fail(const Error& error) {
  show_error(error);
  print_report();
  return std::max(exit_status(), 1);
}

int run_command_line(int argc, char** argv) {
  const auto tree = make_tree(command_named(argc, argv));
  auto& app = *tree;
  look_for_json(argc, argv);
  try {
    app.parse(take_arguments(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    show_error(usage_error(app, error));
    print_report();
    const auto& command = deepest(app);
    return command.get_name() == "needs-renewal" ? 255 : 1;
  }
  print_report();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Error(ErrorKind::storage, "cannot write to standard output");
  return exit_status();
}

}  // namespace everleaf::cli
