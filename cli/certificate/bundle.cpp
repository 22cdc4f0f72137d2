// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct BundleOptions {
  std::string certificate;
  std::string authority;
  std::string bundle;
  ForceOption force;
};

int bundle(const BundleOptions& options) {
  const auto leaf = read_certificates(options.certificate).front();
  const auto authority = read_certificates(options.authority).front();
  OutputFile output(options.bundle, options.force.existing_files());
  output.write(to_pem({leaf, authority}));
  say("Your certificate has been saved in " + options.bundle + ".");
  return 0;
}

}  // namespace

void add_certificate_bundle(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("bundle", "Put a certificate and its issuer's into one file");
  command.footer(
      "Examples:\n"
      "  everleaf certificate bundle leaf.crt intermediate_ca.crt client.crt\n"
      "  everleaf certificate bundle --force leaf.crt intermediate_ca.crt client.crt");
  auto options = std::make_shared<BundleOptions>();
  command.add_option("CRT", options->certificate, "file whose first certificate comes first")->required();
  command.add_option("CA", options->authority, "file whose first certificate follows")->required();
  command.add_option("BUNDLE", options->bundle, "where to write both")->required();
  options->force.add_to(command);
  on_run(command, [options] { return bundle(*options); });
}

}  // namespace everleaf::cli
