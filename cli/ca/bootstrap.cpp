// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <cerrno>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include "cli/command.hpp"
#include "cli/context/defaults.hpp"
#include "cli/context/step_path.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct BootstrapOptions {
  CaOptions ca;
  FingerprintOption fingerprint;
  ForceOption force;
};

// Those that are missing, all of them 0700.
void make_private_directories(const std::filesystem::path& directory) {
  if (directory.empty() || std::filesystem::exists(directory)) return;
  make_private_directories(directory.parent_path());
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    throw system_error("cannot make " + directory.string(), errno);
}

int bootstrap(const BootstrapOptions& options) {
  const auto path = StepPath::from_environment();
  const auto url = options.ca.url();
  const auto fingerprint = options.fingerprint.fingerprint();
  require_replaceable({path.root_certificate(), path.defaults()}, options.force.existing_files());

  const auto root = fetch_root(url, fingerprint, {});
  for (const auto& directory : {path.root_certificate().parent_path(), path.defaults().parent_path()})
    make_private_directories(directory);
  replace_file(path.root_certificate(), root.to_pem(), file_mode::private_key);
  say("The root certificate has been saved in " + path.root_certificate().string() + ".");
  replace_file(
      path.defaults(),
      to_json({.ca_url = url.origin(), .fingerprint = fingerprint.hex(), .root = path.root_certificate().string()}),
      file_mode::certificate);
  say("The authority configuration has been saved in " + path.defaults().string() + ".");
  return 0;
}

}  // namespace

void add_ca_bootstrap(CLI::App& ca) {
  auto& command = *ca.add_subcommand("bootstrap", "Trust a CA by the fingerprint of its root, and remember it");
  command.footer(
      "Examples:\n"
      "  everleaf ca bootstrap --ca-url https://ca.internal:9443 --fingerprint df28d2db70ca...\n"
      "  STEPPATH=/etc/step everleaf ca bootstrap --ca-url ca.internal --fingerprint df28d2db70ca... --force");
  auto options = std::make_shared<BootstrapOptions>();
  command.add_option("--ca-url", options->ca.ca_url, "the CA, as https://ca.internal:9443")->type_name("URL");
  options->fingerprint.add_to(command);
  options->force.add_to(command);
  on_run(command, [options] { return bootstrap(*options); });
}

}  // namespace everleaf::cli
