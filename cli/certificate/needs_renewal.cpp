// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdio>

#include <everleaf/http/tls_peer.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

constexpr auto usual_share = "66%";

struct NeedsRenewalOptions {
  std::string file;
  std::string expires_in = usual_share;
  bool bundle = false;
  bool verbose = false;
  RemoteOptions remote;
};

// The exit statuses that scripts and systemd's ExecCondition rely on (cli: command/certificate/needsRenewal.go).
constexpr int due = 0;
constexpr int not_due = 1;
constexpr int no_such_file = 2;
constexpr int failed = 255;

// "66%" of the lifetime used, or a duration left; or, if it is negative, since it expired.
bool is_due(const Validity& validity, const std::string& expires_in, Time now) {
  if (expires_in.empty()) return is_due(validity, usual_share, now);
  if (!expires_in.ends_with('%'))
    return validity.not_after - now <=
           std::chrono::floor<std::chrono::seconds>(require_duration(expires_in, "--expires-in", Duration::min()));
  int percent = -1;
  const auto* end = expires_in.data() + expires_in.size() - 1;
  const auto [stop, error] = std::from_chars(expires_in.data(), end, percent);
  if (error != std::errc{} || stop != end || percent < 0 || percent > 100)
    throw Error(ErrorKind::usage, "invalid value \"" + escape(expires_in) + "\" for --expires-in",
                "a whole percentage of the lifetime from 0% to 100%, or a duration as 8h");
  return (now - validity.not_before) * 100 / std::max(validity.lifetime(), std::chrono::seconds(1)) >= percent;
}

int judge(const NeedsRenewalOptions& options) {
  auto certificates = read_certificates(options.file, options.remote);
  if (!options.bundle) certificates.erase(certificates.begin() + 1, certificates.end());
  bool any = false;
  for (const auto& certificate : certificates) any |= is_due(certificate.validity(), options.expires_in, system_now());
  tell("needs-renewal", any);
  tell_certificate(certificates.front());
  if (options.verbose && any && !wants_json()) std::puts("certificate needs renewal");
  if (options.verbose && !any) say("certificate does not need renewal");
  return any ? due : not_due;
}

int needs_renewal(const NeedsRenewalOptions& options) try { return judge(options); } catch (const Error& error) {
  if (error.kind() != ErrorKind::missing || TlsServer::parse(options.file)) throw;
  show_error(error);
  return no_such_file;
}

}  // namespace

void add_certificate_needs_renewal(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("needs-renewal", "Tell by the exit status whether a certificate is due");
  command.footer(
      "Exit status: 0 it is due or expired, 1 it is not, 2 there is no such file, 255 any other error.\n\n"
      "Examples:\n"
      "  everleaf certificate needs-renewal client.crt\n"
      "  everleaf certificate needs-renewal --expires-in 8h --verbose client.crt\n"
      "  everleaf certificate needs-renewal --roots root_ca.crt https://web.internal");
  auto options = std::make_shared<NeedsRenewalOptions>();
  command.add_option("FILE", options->file, certificate_or_url)->required();
  command
      .add_option("--expires-in", options->expires_in,
                  "share of the lifetime used as 66% (default), or time left as 8h")
      ->type_name("PERCENT|DURATION");
  command.add_flag("--bundle", options->bundle, "look at all certificates of the file");
  command.add_flag("-v,--verbose", options->verbose, "say it as well");
  options->remote.add_to(command);
  on_run(command, [options] { return needs_renewal(*options); }, {.failed = failed});
}

}  // namespace everleaf::cli
