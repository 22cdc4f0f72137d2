// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/obtain.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/step_ca/sign_token.hpp>
#include <everleaf/x509/certificate_request.hpp>

namespace everleaf {
namespace {

Secret trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return Secret(std::move(text));
}

struct TokenSource {
  StepCa& ca;
  const ManagedCertificate& certificate;
  Time now;
  std::stop_token stop;

  Secret operator()(const TokenFile& file) const { return read_secret(file.path); }

  Secret operator()(const TokenCommand& command) const {
    auto result = run_command(command.argv, {}, stop);
    return trimmed(std::move(result.output));
  }

  Secret operator()(const ProvisionerPassword& credential) const {
    const auto password = read_secret(credential.password_file);
    const auto provisioner = choose_provisioner(ca.provisioners(), credential.provisioner);
    const auto key = decrypt_provisioner_key(provisioner, password);
    return make_sign_token(ca, provisioner, key, certificate.subject, certificate.names,
                           {now, now + usual_token_lifetime});
  }
};

Certificate configured_root(const Authority& authority, std::stop_token stop) {
  if (const auto* file = std::get_if<std::filesystem::path>(&authority.root))
    return Certificate::from_pem(read_file(*file), file->string());
  return fetch_root(authority.url, std::get<Fingerprint>(authority.root), std::move(stop));
}

bool has_configured_root(const std::vector<Certificate>& roots, const Authority& authority) {
  const auto wanted = std::holds_alternative<Fingerprint>(authority.root)
                          ? std::get<Fingerprint>(authority.root)
                          : configured_root(authority, {}).fingerprint();
  return std::any_of(roots.begin(), roots.end(), [&](const Certificate& root) { return root.fingerprint() == wanted; });
}

}  // namespace

std::vector<Certificate> enroll(StepCa& ca, const CertificateWish& wish, const PrivateKey& key,
                                const Secret& token) try {
  return ca.sign({.certificate_request = make_certificate_request(key, wish.subject, classify_all(wish.names)),
                  .token = token,
                  .not_before = wish.not_before,
                  .not_after = wish.not_after});
} catch (const Error& error) {
  if (error.kind() != ErrorKind::unauthorized) throw;
  throw error.with_hint(
      "the CA takes a token only once, within minutes, and at the address it was made for: get a new one");
}

std::vector<Certificate> renew(StepCa& ca, const Identity& present, Time now) {
  if (present.leaf().validity().not_after <= now) return ca.renew_by_token(present, now);
  return ca.renew(present);
}

std::vector<Certificate> rekey(StepCa& ca, const Identity& present, const PrivateKey& new_key, Time now) {
  if (present.leaf().validity().not_after <= now)
    throw Error(ErrorKind::refused, "the certificate is expired",
                "renew it first with \"everleaf ca renew\", if the provisioner allows that after expiry");
  return ca.rekey(present, make_certificate_request(new_key, "", {}));
}

Secret enrollment_token(StepCa& ca, const ManagedCertificate& certificate, Time now, std::stop_token stop) {
  auto token = std::visit(TokenSource{ca, certificate, now, std::move(stop)}, *certificate.enroll);
  if (token.empty()) throw Error(ErrorKind::configuration, "the token is empty", "\"everleaf ca token\" makes one");
  const auto claims = read_token(token);
  if (claims.subject != certificate.subject)
    throw Error(ErrorKind::configuration,
                "the token is for \"" + escape(claims.subject) + "\", not for \"" + escape(certificate.subject) + "\"");
  return token;
}

std::vector<Certificate> trusted_roots(const Authority& authority, const StateDirectory& state, std::stop_token stop) {
  auto roots = state.roots();
  if (has_configured_root(roots, authority)) return roots;
  roots = {configured_root(authority, std::move(stop))};
  state.store_roots(roots);
  return roots;
}

}  // namespace everleaf
