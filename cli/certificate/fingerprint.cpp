// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/certificate/input.hpp"
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

struct FingerprintOptions {
  std::string file;
  bool bundle = false;
};

int fingerprint(const FingerprintOptions& options) {
  const auto certificates = read_certificates(options.file);
  if (!options.bundle) {
    std::puts(certificates.front().fingerprint().hex().c_str());
    return 0;
  }
  for (std::size_t i = 0; i < certificates.size(); ++i)
    std::printf("%zu: %s\n", i, certificates[i].fingerprint().hex().c_str());
  return 0;
}

}  // namespace

void add_certificate_fingerprint(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("fingerprint", "Print the SHA-256 of a certificate");
  command.footer(
      "Examples:\n"
      "  everleaf certificate fingerprint root_ca.crt\n"
      "  everleaf certificate fingerprint --bundle < client.crt");
  auto options = std::make_shared<FingerprintOptions>();
  command.add_option("FILE", options->file, "certificate in PEM or DER; \"-\" or none: standard input");
  command.add_flag("--bundle", options->bundle, "all certificates of the file, numbered");
  on_run(command, [options] { return fingerprint(*options); });
}

}  // namespace everleaf::cli
