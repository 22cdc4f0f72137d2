// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/offline.hpp"

#include <everleaf/files/file.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/step_ca/ca_configuration.hpp>
#include "cli/context/step_path.hpp"

namespace everleaf::cli {
namespace {

HttpsUrl url_of(const CaConfiguration& said, const std::filesystem::path& file) {
  const auto& name = said.name;
  if (name.empty() || name.find_first_of(std::string_view("/?#@%\\\0", 7)) != std::string::npos)
    throw Error(ErrorKind::malformed,
                "\"" + escape(name) + "\", the first of \"dnsNames\" in " + file.string() + ", is no name of a host");
  return HttpsUrl::parse(name);
}

Provisioner described_by(const ProvisionerOptions& options, const std::string& missing) {
  const auto hint = "or give the configuration of the CA with --ca-config: there is no " + missing;
  if (options.name.empty()) throw Error(ErrorKind::usage, "--offline requires --provisioner", hint);
  if (!options.jwk.is_given() && !options.x5c.is_given())
    throw Error(ErrorKind::usage, "--offline requires --key, the key of the provisioner", hint);
  const auto type = options.x5c.is_given() ? options.x5c.type() : options.jwk.type();
  return {.type = type, .name = options.name, .key_id = options.key_id, .encrypted_key = {}};
}

}  // namespace

void OfflineOptions::add_to(CLI::App& command) {
  auto* flag = command.add_flag("--offline", offline, "without asking the CA: from its configuration, or by --key");
  flag->excludes(command.get_option("--set"))->excludes(command.get_option("--set-file"));
  command
      .add_option("--ca-config", ca_configuration,
                  "with --offline: configuration of the CA; default: config/ca.json in STEPPATH")
      ->type_name("FILE");
}

Secret OfflineOptions::make_token(const CaOptions& ca, const ProvisionerOptions& provisioner,
                                  const TokenWish& wish) const {
  const auto file = ca_configuration.empty() ? StepPath::from_environment(ca.context).authority() / "config" / "ca.json"
                                             : std::filesystem::path(ca_configuration);
  if (std::error_code unknown; std::filesystem::status(file, unknown).type() == std::filesystem::file_type::not_found) {
    const auto described = described_by(provisioner, file.string());
    auto unasked = ca.connect();
    return provisioner.make_token(unasked, described, wish);
  }
  const auto said = CaConfiguration::parse(read_input(file), file.string());
  StepCa unasked(url_of(said, file), parse_certificates(read_file(said.root), said.root.string()), {});
  return provisioner.make_token(unasked, provisioner.choose(said.provisioners), wish);
}

}  // namespace everleaf::cli
