// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <everleaf/config/nearest.hpp>
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

// In step's form, which Ansible's modules for it take apart, and with the name that scripts look for.
constexpr auto version_text = "everleaf CLI/" EVERLEAF_VERSION " (in place of Smallstep CLI/0.30.2)";

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
  for (const auto* name : {"api", "beta", "crl", "crypto", "fileserver", "oauth", "ssh"})
    add_refused_command(app, name, "use \"step\" for this: everleaf is about X.509 certificates");
  add_refused_command(app, "base64", "\"base64\" of the system does this");
  add_refused_command(app, "completion", "the package brings completions for bash, zsh and fish");
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
  app->set_version_flag("-v,--version", version_text);
  app->add_option("--config", given_defaults(), "read this instead of defaults.json")->type_name("FILE");
  add_report_options(*app);
  for (const auto& [name, description] : groups)
    if (wanted == nullptr || wanted->group == name)
      add_report_options(*app->add_subcommand(name, description)->require_subcommand(1));
  for (const auto& command : commands)
    if (wanted == nullptr || wanted == &command)
      command.add(command.group.empty() ? *app : *app->get_subcommand(std::string(command.group)));
  if (wanted != nullptr) return app;
  for (const auto& group : groups) add_group_help(*app->get_subcommand(group.name));
  add_refused_commands(*app);
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

// Whether a group stands there without a command.
bool is_bare_group(const CLI::App& app, const CLI::ParseError& end) {
  return end.get_name() == "RequiredError" && app.remaining(true).empty() && !deepest(app).get_subcommands({}).empty();
}

// Whether what ended the parsing is no error: --version, --help, or a group, which shows its help as with step.
bool is_answered(const CLI::App& app, const CLI::ParseError& end) {
  if (end.get_name() == "CallForVersion") return print_version() == 0;
  if (end.get_name() != "CallForHelp" && !is_bare_group(app, end)) return false;
  print("help", app.help());
  return true;
}

int refuse(const CLI::App& app, const CLI::ParseError& error) {
  show_error(usage_error(app, error));
  print_report();
  return deepest(app).get_name() == "needs-renewal" ? 255 : 1;
}

// The option of this long name, of whatever command; null: there is none.
const CLI::Option* find_option(const CLI::App& app, std::string_view name) {
  for (const auto* option : app.get_options({}))
    if (option->check_lname(std::string(name))) return option;
  for (const auto* command : app.get_subcommands({}))
    if (const auto* option = find_option(*command, name)) return option;
  return nullptr;
}

// What step takes as well, as CLI11 has it: one dash before a long name, and "--san=" for a value that is empty.
std::vector<std::string> as_cli11_has_it(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (*word == "--") return result.insert(result.end(), word, words.end()), result;
    const auto dashes = word->find_first_not_of('-');
    const auto equals = word->find('=');
    const auto* option = dashes == 1 || dashes == 2 ? find_option(app, word->substr(dashes, equals - dashes)) : nullptr;
    if (option == nullptr) {
      result.push_back(*word);
    } else if (equals == word->size() - 1 && option->get_items_expected_min() > 0) {
      result.insert(result.end(), {"--" + word->substr(dashes, equals - dashes), ""});
    } else {
      result.push_back("--" + word->substr(dashes));
    }
  }
  return result;
}

// Copies the arguments, and overwrites what `ps` must not show.
std::vector<std::string> take_arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i] + (std::string_view(argv[i]).starts_with("--") ? 1 : 0);  // one is enough
    if (word.starts_with("-token=")) std::fill(std::strchr(argv[i], '=') + 1, argv[i] + std::strlen(argv[i]), 'x');
    if (word == "-token" && i + 1 < argc && argv[i + 1][0] != '-')
      std::fill_n(argv[i + 1], std::strlen(argv[i + 1]), 'x');
  }
  return arguments;
}

// All is done: who reads our output has gone away, as `head` does, and that ends us as it ends other programs.
void end_without_reader() {
  pollfd output{STDOUT_FILENO, 0, 0};
  if (::poll(&output, 1, 0) != 1 || (output.revents & POLLERR) == 0) return;
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
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
  int status = 0;
  try {
    auto words = as_cli11_has_it(app, take_arguments(argc, argv));
    std::reverse(words.begin(), words.end());
    app.parse(std::move(words));
    status = exit_status();
  } catch (const CLI::ParseError& error) {
    if (!is_answered(app, error)) return refuse(app, error);
  }
  print_report();
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    end_without_reader();
    throw Error(ErrorKind::storage, "cannot write to standard output");
  }
  return status;
}

}  // namespace everleaf::cli
