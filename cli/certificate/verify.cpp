// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <everleaf/error/error.hpp>
#include <everleaf/http/tls_peer.hpp>
#include "cli/certificate/input.hpp"
#include "cli/certificate/revocation.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

struct VerifyOptions {
  std::string file;
  std::string host;
  bool verbose = false;
  RemoteOptions remote;
  RevocationOptions revocation;
};

// Whom it has to be for: --host, and the server, if that was not judged when its certificates were taken.
std::vector<std::string> hosts_of(const VerifyOptions& options) {
  std::vector<std::string> hosts;
  if (!options.host.empty()) hosts.push_back(options.host);
  const auto server = options.remote.insecure ? TlsServer::parse(options.file) : std::nullopt;
  if (server) hosts.push_back(options.remote.server_name.empty() ? server->host : options.remote.server_name);
  return hosts;
}

// What was found in order. Throws wrong_certificate.
std::vector<std::string> judge(const std::vector<Certificate>& chain, const TrustAnchors& roots,
                               const VerifyOptions& options) {
  auto reasons = reasons_against_chain(chain, roots, system_now());
  for (const auto& host : hosts_of(options))
    if (reasons.empty()) reasons = reasons_against_host(chain.front(), host);
  if (!reasons.empty()) throw Error(ErrorKind::wrong_certificate, reasons.front());
  std::vector<std::string> found{"certificate validated against roots"};
  if (!options.host.empty()) found.emplace_back("certificate host name validated");
  for (auto& one : options.revocation.check(chain, roots)) found.push_back(std::move(one));
  return found;
}

int verify(const VerifyOptions& options) {
  const auto roots = options.remote.trust();  // before a server is asked
  const auto chain = read_certificates(options.file, options.remote);
  tell("valid", false);
  tell_certificate(chain.front());
  std::vector<std::string> found;
  try {
    found = judge(chain, roots, options);
  } catch (const Error& error) {
    throw error.within("cannot verify " + options.file);
  }
  tell("valid", true);
  if (!options.verbose || wants_json()) return 0;
  for (const auto& one : found) std::puts(one.c_str());
  std::puts("certificate is valid");
  return 0;
}

}  // namespace

void add_certificate_verify(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("verify", "Check that a certificate leads to a root and is valid now");
  command.footer(
      "Examples:\n"
      "  everleaf certificate verify --roots root_ca.crt client.crt\n"
      "  everleaf certificate verify --roots root_ca.crt --host web.internal web.crt\n"
      "  everleaf certificate verify --roots root_ca.crt https://web.internal\n"
      "  everleaf certificate verify --roots root_ca.crt --verify-crl --crl-endpoint http://ca.internal/crl "
      "client.crt");
  auto options = std::make_shared<VerifyOptions>();
  command.add_option("FILE", options->file, certificate_or_url)->required();
  command.add_option("--host", options->host, "and that it is for this DNS name or IP address")->type_name("NAME");
  command.add_flag("-v,--verbose", options->verbose, "say that it is valid");
  options->remote.add_to(command);
  command.add_flag("--insecure", options->remote.insecure, "take the certificates of a server before judging them");
  options->revocation.add_to(command);
  on_run(command, [options] { return verify(*options); });
}

}  // namespace everleaf::cli
