// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include <everleaf/lifecycle/obtain.hpp>
#include <everleaf/step_ca/sign_token.hpp>
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

// Each throws what an enrollment would, as far as it can be told without one.
struct RequireCredential {
  const ManagedCertificate& certificate;
  const std::vector<Provisioner>& provisioners;  // none: the CA did not say
  Time now;

  void operator()(const TokenFile& file) const {
    const auto token = read_credential(file.path);
    try {
      require_token_for(token, certificate.subject, certificate.names, now);
    } catch (const Error& error) {
      throw error.within(file.path.string());
    }
  }
  void operator()(const TokenCommand& command) const { require_startable(command.argv.front()); }

  void operator()(const ProvisionerPassword& credential) const {
    const auto password = read_credential(credential.password_file);
    if (!provisioners.empty())
      decrypt_provisioner_key(choose_provisioner(provisioners, {credential.provisioner, "JWK"}), password);
  }

  void operator()(const X5cCredential& credential) const {
    if (const auto until = read_identity(credential).leaf().validity().not_after; now >= until)
      throw Error(ErrorKind::configuration, credential.certificate.string() + " has expired, at " + format_time(until));
    if (!provisioners.empty()) choose_provisioner(provisioners, {credential.provisioner, "X5C"});
  }
};

std::vector<std::filesystem::path> files_of(const Enrollment& enrollment) {
  if (const auto* token = std::get_if<TokenFile>(&enrollment)) return {token->path};
  if (const auto* password = std::get_if<ProvisionerPassword>(&enrollment)) return {password->password_file};
  if (const auto* x5c = std::get_if<X5cCredential>(&enrollment)) return {x5c->certificate, x5c->key};
  return {};
}

// Whether systemd makes one of them for the unit, and the unit does not run.
bool waits_for_unit(const Enrollment& enrollment) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  std::error_code unknown;
  if (credentials == nullptr || std::filesystem::exists(credentials, unknown)) return false;
  const auto files = files_of(enrollment);
  return std::any_of(files.begin(), files.end(),
                     [&](const auto& file) { return file.string().starts_with(std::string(credentials) + "/"); });
}

}  // namespace

void check_enrollment(const ManagedCertificate& certificate, bool has_pair,
                      const std::vector<Provisioner>& provisioners, Findings& findings) {
  const auto about = "certificate " + certificate.name;
  const bool is_spent = has_pair && std::holds_alternative<TokenFile>(*certificate.enroll);
  if (is_spent) return;
  if (waits_for_unit(*certificate.enroll))
    return findings.add(Verdict::skipped, about, "what it enrolls with is a credential, there while the unit runs");
  try {
    std::visit(RequireCredential{certificate, provisioners, system_now()}, *certificate.enroll);
  } catch (const Error& error) {
    if (findings.has_error(about, error.what())) return;
    findings.add(has_pair ? Verdict::warning : Verdict::error, about,
                 error.within(has_pair ? "cannot enroll again" : "cannot enroll").what(), error.hint());
  }
}

}  // namespace everleaf::cli
