// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/error/error.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

struct InspectOptions {
  std::string file;
  bool is_short = false;
  bool bundle = false;
};

std::string abbreviate(const std::string& text) {
  return text.size() <= 8 ? text : text.substr(0, 4) + "..." + text.substr(text.size() - 4);
}

std::string kind_of(const Certificate& certificate) {
  if (!certificate.is_authority()) return "TLS";
  return certificate.is_self_issued() ? "Root CA" : "Intermediate CA";
}

// The layout is that of smallstep/certinfo, certformat.go.
void show_short(const Certificate& certificate) {
  std::printf("X.509v3 %s Certificate (%s) [Serial: %s]\n", kind_of(certificate).c_str(),
              certificate.key_description().c_str(), abbreviate(certificate.serial_decimal()).c_str());
  std::vector<std::string> subject;
  if (const auto name = certificate.common_name(); !name.empty()) subject.push_back(name);
  for (const auto& name : certificate.names())
    if (name.value != certificate.common_name()) subject.push_back(name.value);
  if (subject.empty()) subject.emplace_back();
  for (std::size_t i = 0; i < subject.size(); ++i)
    std::printf("  %-12s %s\n", i == 0 ? "Subject:" : "", escape(subject[i]).c_str());
  std::printf("  Issuer:      %s\n", escape(certificate.issuer_common_name()).c_str());
  if (const auto provisioner = certificate.provisioner()) {
    const auto id =
        provisioner->credential_id.empty() ? "" : " [ID: " + escape(abbreviate(provisioner->credential_id)) + "]";
    std::printf("  Provisioner: %s%s\n", escape(provisioner->name).c_str(), id.c_str());
  }
  std::printf("  Valid from:  %s\n          to:  %s\n", format_time(certificate.validity().not_before).c_str(),
              format_time(certificate.validity().not_after).c_str());
}

int inspect(const InspectOptions& options) {
  const auto certificates = read_certificates(options.file);
  for (const auto& certificate : certificates) {
    show_short(certificate);
    if (!options.bundle) break;
  }
  return 0;
}

}  // namespace

void add_certificate_inspect(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("inspect", "Show what is in a certificate");
  command.footer(
      "Examples:\n"
      "  everleaf certificate inspect --short client.crt\n"
      "  everleaf certificate inspect --short --bundle client.crt");
  auto options = std::make_shared<InspectOptions>();
  command.add_option("FILE", options->file, "certificate in PEM or DER; \"-\" or none: standard input");
  command.add_flag("--short", options->is_short, "the form there is: who, by whom, until when")->required();
  command.add_flag("--bundle", options->bundle, "all certificates of the file");
  on_run(command, [options] { return inspect(*options); });
}

}  // namespace everleaf::cli
