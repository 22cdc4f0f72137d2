// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/renewal.hpp"

#include <algorithm>

#include <everleaf/files/streams.hpp>
#include <everleaf/lifecycle/check.hpp>
#include "cli/ca/due.hpp"
#include "cli/ca/orders.hpp"
#include "cli/ca/renewal_daemon.hpp"
#include "cli/ca/renewal_error.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

Identity read_present(const RenewalOptions& options, const Renewal& renewal) {
  if (is_stream(options.certificate_file))
    throw Error(ErrorKind::usage, options.certificate_file + " is not a regular file",
                "the certificate is looked at again when the new one is there");
  if (renewal.key_file == KeyFile::piped) {
    complete_interrupted(options.certificate_file, options.output);
    return read_pair(options.certificate_file, options.key_file, options.password_file);
  }
  KeyPassword password(options.password_file);
  return read_pair(options.certificate_file, options.key_file, password, options.output);
}

// Whether it was due.
bool renew_if_due(const RenewalOptions& options, const Renewal& renewal) try {
  const auto present = read_present(options, renewal);
  if (renewal.verb == "renew") require_within_lifetime(present.leaf(), options.expires_in);  // step's rekey takes it
  if (const auto left = not_due_for(present.leaf(), options.expires_in, system_now())) {
    say("certificate not " + renewal.past + ": expires in " + format_duration(*left));
    tell(renewal.past, false);
    tell_certificate(present.leaf());
    return false;
  }
  obtain(options, renewal, present, options.force.existing_files(), [](const Identity&) {}, {});
  renewal.say_saved();
  tell(renewal.past, true);
  return true;
} catch (const Error& error) {
  throw renewal_error(error, "cannot " + renewal.verb + " " + options.certificate_file);
}

// Somebody may have been asked for a password meanwhile. A key that is encrypted or came by a pipe is known by the
// certificate beside it.
void require_still_there(const RenewalOptions& options, const Renewal& renewal, const Identity& present) {
  if (renewal.key_file == KeyFile::keep && !PrivateKey::is_encrypted_pem(read_file(options.key_file)))
    return;  // will be looked at when it counts
  const auto chain = parse_certificates_or_der(read_file(options.certificate_file), options.certificate_file);
  if (chain.front() != present.leaf())
    throw Error(ErrorKind::conflict,
                options.certificate_file + " and " + options.key_file + " were changed by somebody else meanwhile",
                "nothing was written; look at what is there now");
}

}  // namespace

void RenewalOptions::add_to(CLI::App& command, const std::string& period_flag) {
  command.add_option("CRT", certificate_file, "the certificate and its chain")->required();
  command.add_option("KEY", key_file, "its key")->required();
  command.add_option("--password-file", password_file, "file with the password of KEY")->type_name("FILE");
  auto* expires_in_option =
      command.add_option("--expires-in", expires_in, "only if it expires within this time")->type_name("DURATION");
  auto* daemon_option = command.add_flag("--daemon", daemon, "stay, and do it again each time before it expires");
  command.add_option(period_flag, period, "with --daemon: each time it is this old")
      ->type_name("DURATION")
      ->needs(daemon_option)
      ->excludes(expires_in_option);
  command.add_flag("--exit-status", exit_status, "end with status 3 if it was not due yet")->excludes(daemon_option);
  output.add_to(command);
  hooks.add_to(command);
  ca.add_to(command);
  force.add_to(command);
  refuse_flags(command, {"--kms"});
  refuse_offline(command);
}

int run(const RenewalOptions& options, const Renewal& renewal) {
  if (options.daemon) return run_daemon(options, renewal);
  if (!renew_if_due(options, renewal)) return options.exit_status ? not_due_status : 0;
  const int told = options.hooks.any() ? options.hooks.run_once(Orders().stop()) : 0;
  return options.exit_status ? std::min(told, 1) : told;  // 3 is said of the certificate only
}

Identity obtain(const RenewalOptions& options, const Renewal& renewal, const Identity& present, ExistingFiles existing,
                const std::function<void(const Identity&)>& before_writing, std::stop_token stop) {
  OutputPair output(renewal.certificate, renewal.key, renewal.key_file, existing, options.output, stop);
  if (renewal.key_file != KeyFile::write) require_still_there(options, renewal, present);
  auto ca = options.ca.connect(std::move(stop));
  auto renewed = renewal.ask(ca, present);
  before_writing(renewed);
  output.write(renewed, ca.trusted_roots());
  return renewed;
}

}  // namespace everleaf::cli
