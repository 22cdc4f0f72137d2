// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include "cli/ca/team.hpp"
#include "cli/certificate/trust_store.hpp"
#include "cli/command.hpp"
#include "cli/context/defaults.hpp"
#include "cli/context/private_directory.hpp"
#include "cli/context/step_path.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct BootstrapOptions {
  CaOptions ca;
  FingerprintOption fingerprint;
  std::string authority;
  std::string profile;
  std::string team;
  std::string team_authority;
  std::string team_url;
  std::string redirect_url;
  bool install = false;
  ForceOption force;
};

std::string team_authority(const BootstrapOptions& options) {
  return options.team_authority.empty() ? "ssh" : options.team_authority;  // as step has it
}

BootstrapDefaults of_team(const BootstrapOptions& options) {
  if (!options.ca.ca_url.empty()) throw Error(ErrorKind::usage, "--team does not go with --ca-url");
  if (!options.fingerprint.text.empty()) throw Error(ErrorKind::usage, "--team does not go with --fingerprint");
  return fetch_team_authority(options.team, team_authority(options), options.team_url);
}

// The context that is going to hold the CA; nothing where none is asked for and contexts are not in use.
std::optional<Context> new_context(const BootstrapOptions& options, const Contexts& contexts, const HttpsUrl& url) {
  const auto usual = options.team.empty() ? url.host() : team_authority(options) + "." + options.team;
  const auto& name = options.ca.context;
  if (!contexts.are_in_use() && name.empty() && options.authority.empty() && options.profile.empty())
    return std::nullopt;
  const auto first = [](std::initializer_list<std::string> texts) {
    return *std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !text.empty(); });
  };
  const auto chosen = first({name, options.team.empty() ? options.authority : "", usual});
  return Context{chosen, first({options.authority, chosen}), first({options.profile, chosen})};
}

void save(const std::filesystem::path& file, const std::string& contents, mode_t mode, const std::string& what) {
  make_private_directories(file.parent_path());
  replace_file(file, contents, mode);
  say("The " + what + " has been saved in " + file.string() + ".");
  tell_written(file);
}

int bootstrap(const BootstrapOptions& options) {
  const auto base = step_base();
  if (!base) throw Error(ErrorKind::usage, "neither STEPPATH nor HOME is set", "set STEPPATH to a directory of yours");
  auto defaults =
      options.team.empty() ? BootstrapDefaults{options.ca.ca_url, options.fingerprint.text} : of_team(options);
  const auto url = CaOptions{.ca_url = defaults.ca_url}.url();
  const auto fingerprint = FingerprintOption{defaults.fingerprint}.fingerprint();
  if (!options.redirect_url.empty()) defaults.redirect_url = options.redirect_url;
  auto contexts = Contexts::load(*base);
  const auto context = new_context(options, contexts, url);
  if (context) Contexts::require_usable(*context);
  const auto path = context ? StepPath::in(*base, *context) : StepPath::from_environment();
  require_replaceable({path.root_certificate(), path.authority_defaults()}, options.force.existing_files());

  const auto root = fetch_root(url, fingerprint, {});
  if (context) contexts.add(*context);
  save(path.root_certificate(), root.to_pem(), file_mode::private_key, "root certificate");
  defaults.ca_url = url.origin();
  defaults.fingerprint = fingerprint.hex();
  defaults.root = path.root_certificate();
  save(path.authority_defaults(), to_json(defaults), public_mode(), "authority configuration");
  if (context && !std::filesystem::exists(path.profile_defaults()))
    save(path.profile_defaults(), "{}", file_mode::private_key, "profile configuration");
  tell("ca", url.origin());
  tell_certificate(root);
  if (!options.install) return 0;
  const auto installed = trust_store_file(root, {});
  replace_file(installed, root.to_pem(), file_mode::certificate);
  tell_written(installed);
  refresh_trust_store();
  say("Installing the root certificate in the system truststore... done.");
  return 0;
}

}  // namespace

void add_ca_bootstrap(CLI::App& ca) {
  auto& command = *ca.add_subcommand("bootstrap", "Trust a CA by the fingerprint of its root, and remember it");
  command.footer(
      "Examples:\n"
      "  everleaf ca bootstrap --ca-url https://ca.internal:9443 --fingerprint df28d2db70ca...\n"
      "  STEPPATH=/etc/step everleaf ca bootstrap --ca-url ca.internal --fingerprint df28d2db70ca... --force\n"
      "  everleaf ca bootstrap --context test --ca-url https://ca.test --fingerprint df28d2db70ca...\n"
      "  everleaf ca bootstrap --team ops --team-url \"https://config.internal/<>\"");
  auto options = std::make_shared<BootstrapOptions>();
  command.add_option("--ca-url", options->ca.ca_url, "the CA, as https://ca.internal:9443")->type_name("URL");
  options->fingerprint.add_to(command);
  {
    const OptionGroup group(command, "Where it is kept");
    require_utf8(command.add_option("--context", options->ca.context,
                                    "keep it beside others under this name, and select it; default: its host"))
        ->type_name("NAME");
    require_utf8(command.add_option("--authority", options->authority,
                                    "directory of the CA's files; default: the context's name"))
        ->type_name("NAME");
    require_utf8(command.add_option("--profile", options->profile,
                                    "directory of your own defaults; default: the context's name"))
        ->type_name("NAME");
  }
  {
    const OptionGroup group(command, "Who knows the CA");
    auto* team = command
                     .add_option("--team", options->team,
                                 "instead of --ca-url and --fingerprint: ask the server of this team, which knows them")
                     ->type_name("NAME");
    command.add_option("--team-authority", options->team_authority, "which CA of the team; default: ssh")
        ->type_name("NAME")
        ->needs(team);
    command
        .add_option("--team-url", options->team_url, "where to ask, <> stands for the team; default: at smallstep.com")
        ->type_name("URL");
    require_utf8(command.add_option("--redirect-url", options->redirect_url, "where to go after a login, for \"step\""))
        ->type_name("URL");
  }
  command.add_flag("--install", options->install, "and put the root into the system's trust store");
  options->force.add_to(command);
  on_run(command, [options] { return bootstrap(*options); }, {.takes_defaults = false});
}

}  // namespace everleaf::cli
