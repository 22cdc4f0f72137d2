// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/streams.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct FormatOptions {
  std::string file = "-";
  std::string output_file;
  ForceOption force;
};

bool is_pem(const std::string& bytes) { return bytes.find("-----BEGIN ") != std::string::npos; }

// What is PEM becomes DER, and the other way round.
std::string converted(const std::string& bytes, const std::string& source) {
  const bool pem = is_pem(bytes);
  const auto found = parse_certificates_or_request(bytes, source);
  if (const auto* request = std::get_if<CertificateRequest>(&found)) return pem ? request->to_der() : request->to_pem();
  const auto& certificate = std::get<std::vector<Certificate>>(found).front();
  return pem ? certificate.to_der() : certificate.to_pem();
}

int format(const FormatOptions& options) {
  const auto bytes = read_input(options.file);
  const auto result = converted(bytes, source_name(options.file));
  const auto mode = mode_of(options.file, file_mode::private_key);
  OutputFile output(options.output_file, options.force.existing_files(), mode);
  if (output.write(result, is_pem(bytes) ? "der" : "pem"))
    say("Your certificate has been saved in " + options.output_file);
  return 0;
}

}  // namespace

void add_certificate_format(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("format", "Turn a certificate or request from PEM into DER, or back");
  command.footer(
      "Examples:\n"
      "  everleaf certificate format client.crt --out client.der\n"
      "  everleaf certificate format client.der");
  auto options = std::make_shared<FormatOptions>();
  command.add_option("FILE", options->file, "certificate or request; \"-\" or none: standard input");
  command.add_option("--out", options->output_file, "where to write it; else to standard output")->type_name("FILE");
  options->force.add_to(command);
  on_run(command, [options] { return format(*options); });
}

}  // namespace everleaf::cli
