// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/x509/digest.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

struct FingerprintOptions {
  std::string file = "-";
  std::string format = "hex";
  bool bundle = false;
  bool sha1 = false;
  RemoteOptions remote;
};

std::string without_padding(std::string text) {
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::string with_padding(std::string text) {
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string show(std::string_view der, const FingerprintOptions& options) {
  const auto digest = options.sha1 ? sha1(der) : sha256(der);
  if (options.format == "base64") return base64(digest);
  if (options.format == "base64-raw") return without_padding(base64(digest));
  if (options.format == "base64-url") return with_padding(base64url(digest));
  if (options.format == "base64-url-raw") return base64url(digest);
  return options.format == "emoji" ? emoji(digest) : hex(digest);
}

std::vector<std::string> ders(const CertificatesOrRequest& found) {
  if (const auto* request = std::get_if<CertificateRequest>(&found)) return {request->to_der()};
  std::vector<std::string> all;
  for (const auto& certificate : std::get<std::vector<Certificate>>(found)) all.push_back(certificate.to_der());
  return all;
}

int fingerprint(const FingerprintOptions& options) {
  if (options.sha1 && !options.remote.insecure)
    throw Error(ErrorKind::usage, "--sha1 requires --insecure", "SHA-1 proves nothing any more");
  const auto all = ders(read_certificates_or_request(options.file, options.remote));
  if (!options.bundle) {
    print_line("fingerprint", show(all.front(), options));
    return 0;
  }
  std::vector<std::string> shown;
  for (const auto& one : all) shown.push_back(show(one, options));
  tell("fingerprints", shown);
  for (std::size_t i = 0; !wants_json() && i < all.size(); ++i) std::printf("%zu: %s\n", i, shown[i].c_str());
  return 0;
}

}  // namespace

void add_certificate_fingerprint(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("fingerprint", "Print the SHA-256 of a certificate or request");
  command.footer(
      "Examples:\n"
      "  everleaf certificate fingerprint root_ca.crt\n"
      "  everleaf certificate fingerprint --bundle < client.crt\n"
      "  everleaf certificate fingerprint --roots root_ca.crt https://ca.internal:9443");
  auto options = std::make_shared<FingerprintOptions>();
  command.add_option("FILE", options->file, certificate_or_url);
  command.add_flag("--bundle", options->bundle, "all certificates of the file, numbered");
  command.add_option("--format", options->format, "how it is written; default: hex")
      ->transform(
          CLI::IsMember({"hex", "base64", "base64-url", "base64-raw", "base64-url-raw", "emoji"}, CLI::ignore_case));
  command.add_flag("--sha1", options->sha1, "SHA-1 instead, for old tools; requires --insecure");
  options->remote.add_to(command);
  command.add_flag("--insecure", options->remote.insecure, "allow --sha1, and servers that nobody vouches for");
  on_run(command, [options] { return fingerprint(*options); });
}

}  // namespace everleaf::cli
