// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/error/error.hpp>
#include <everleaf/x509/describe.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

struct InspectOptions {
  std::string file = "-";
  std::string format = "text";
  bool is_short = false;
  bool bundle = false;
  RemoteOptions remote;
};

std::string show(const CertificateRequest& request, const InspectOptions& options) {
  if (options.format == "json") return describe_in_json(request);
  if (options.format == "pem") return request.to_pem();
  return options.is_short ? describe_shortly(request) : describe(request);
}

std::string show(std::vector<Certificate> certificates, const InspectOptions& options) {
  if (!options.bundle) certificates.erase(certificates.begin() + 1, certificates.end());
  if (options.format == "json") return describe_in_json(certificates);
  if (options.format == "pem") return to_pem(certificates);
  std::string text;
  for (const auto& certificate : certificates)
    text += options.is_short ? describe_shortly(certificate) : describe(certificate);
  return text;
}

int inspect(InspectOptions options) {
  if (wants_json()) {
    options.format = "json";
    options.is_short = false;
  }
  if (options.is_short && options.format != "text")
    throw Error(ErrorKind::usage, "--short does not go with --format " + options.format);
  const auto found = read_certificates_or_request(options.file, options.remote);
  auto text = std::visit([&](const auto& one) { return show(one, options); }, found);
  if (wants_json() && text.starts_with('[')) text = "{\"certificates\": " + text + "}\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

void add_certificate_inspect(CLI::App& certificate) {
  auto& command =
      *certificate.add_subcommand("inspect", "Show what is in a certificate or request, without judging it");
  command.footer(
      "Examples:\n"
      "  everleaf certificate inspect --short --bundle client.crt\n"
      "  everleaf certificate inspect --format json client.crt\n"
      "  everleaf certificate inspect --roots root_ca.crt https://ca.internal:9443");
  auto options = std::make_shared<InspectOptions>();
  command.add_option("FILE", options->file, certificate_or_url);
  command.add_option("--format", options->format, "text (default), json or pem")
      ->check(CLI::IsMember({"text", "json", "pem"}));
  command.add_flag("--short", options->is_short, "only who, by whom, until when");
  command.add_flag("--bundle", options->bundle, "all certificates of the file");
  options->remote.add_to(command);
  command.add_flag("--insecure", options->remote.insecure, "show also what a server has that nobody vouches for");
  on_run(command, [options] { return inspect(*options); });
}

}  // namespace everleaf::cli
