// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/issuance.hpp"

#include <algorithm>

#include <everleaf/lifecycle/obtain.hpp>
#include "cli/ca/given_token.hpp"

namespace everleaf::cli {

CLI::Option* IssuanceOptions::add_to(CLI::App& command) {
  auto* option = add_token_option(command, token, "one-time token; nothing else is needed then");
  provisioner.add_to(command);
  acme.add_to(command);
  command.get_option("--acme")->excludes(option);
  validity.add_to(command);
  values.add_to(command);
  ca.add_to(command);
  return option;
}

std::optional<TokenClaims> IssuanceOptions::given_token() const {
  if (token.empty()) return std::nullopt;
  return read_given_token(token);
}

Issued IssuanceOptions::issue(const Application& application) const {
  const auto now = system_now();
  const auto given_values = values.as_json();  // what is wrong with them is said before anybody is asked
  if (!acme.foreign_directory().empty())
    return issue_by_acme(acme.foreign_directory(), roots_for_foreign(), application, now);
  const auto given = given_token();
  if (!given) return issue_by_provisioner(application, given_values, now);
  auto by = connect_by_token(ca, *given);
  return issue_by_token(by, Secret(token), application, given_values, now);
}

Issued IssuanceOptions::issue_by_provisioner(const Application& application, const std::string& given, Time now) const {
  auto by = ca.connect();
  const auto chosen = provisioner.choose(by.provisioners());
  if (chosen.type == "ACME")
    return issue_by_acme(acme_directory(by.url(), chosen.name), by.trusted_roots(), application, now);
  TokenWish wish{
      .subject = application.subject, .names = application.names, .validity = {now, now + usual_token_lifetime}};
  // A request that somebody made is the only one that the token is for.
  if (const auto* request = std::get_if<CertificateRequest>(&application.proof))
    wish.request = base64url_of(request->fingerprint());
  return issue_by_token(by, provisioner.make_token(by, chosen, wish), application, given, now);
}

Issued IssuanceOptions::issue_by_token(StepCa& by, const Secret& presented, const Application& application,
                                       const std::string& given, Time now) const {
  say_ca(by);
  auto chain = sign(by, {.certificate_request = application.request().to_pem(),
                         .token = presented,
                         .not_before = validity.not_before,
                         .not_after = validity.not_after,
                         .template_values = given});
  return {std::move(chain), classify_all(application.names), by.trusted_roots(), validity.lifetime(),
          std::max(system_now(), validity.begin(now))};
}

Issued IssuanceOptions::issue_by_acme(const std::string& directory, TrustAnchors roots, Application application,
                                      Time now) const {
  if (values.are_given())
    throw Error(ErrorKind::usage, "an ACME server takes no values for its template",
                "leave out --set and --set-file, or use another provisioner");
  const auto is_named = [&](const std::string& name) { return name == application.subject; };
  if (std::none_of(application.names.begin(), application.names.end(), is_named))
    application.names.push_back(application.subject);
  acme::Wish wish{.names = classify_all(application.names)};
  if (!validity.not_before.empty()) wish.not_before = validity.begin(now);
  wish.not_after = validity.end(now);
  auto chain = acme.order(directory, roots, wish, application.request());
  return {std::move(chain), wish.names, std::move(roots), std::nullopt, std::max(system_now(), validity.begin(now))};
}

// Those of --root or of STEPPATH as well, as with step.
TrustAnchors IssuanceOptions::roots_for_foreign() const {
  try {
    return SystemRoots{ca.roots()};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::missing || !ca.root.empty()) throw;
    return SystemRoots{};
  }
}

CertificateRequest Application::request() const {
  if (const auto* request = std::get_if<CertificateRequest>(&proof)) return *request;
  return CertificateRequest::from_pem(
      make_certificate_request(std::get<PrivateKey>(proof), subject, classify_all(names)), "our request");
}

}  // namespace everleaf::cli
