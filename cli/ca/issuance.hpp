// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/step_ca/token.hpp>
#include <everleaf/x509/certificate_request.hpp>
#include <everleaf/x509/verify.hpp>
#include "cli/provisioner/acme.hpp"
#include "cli/provisioner/provisioner_options.hpp"
#include "cli/shared_options.hpp"
#include "cli/template_values.hpp"

namespace everleaf::cli {

// What a certificate is asked for with.
struct Application {
  std::string subject;
  std::vector<std::string> names;
  std::variant<PrivateKey, CertificateRequest> proof;  // a key, for which a request is made; or one that is there

  CertificateRequest request() const;
};

// What came back, judged by nobody yet.
struct Issued {
  std::vector<Certificate> chain;
  std::vector<Name> names;                       // that were asked for: ACME adds the subject
  TrustAnchors roots;                            // to one of which it must lead
  std::optional<std::chrono::seconds> lifetime;  // that it must have
  Time judged_at;                                // within what was asked for: --not-before may lie in the future
};

// By which way a certificate is asked for: with a token that was given, by a provisioner, or by another ACME server.
struct IssuanceOptions {
  std::string token;
  CaOptions ca;
  ProvisionerOptions provisioner;
  AcmeOptions acme;
  ValidityOptions validity;
  TemplateValues values;

  CLI::Option* add_to(CLI::App& command);  // answers --token
  std::optional<TokenClaims> given_token() const;
  Issued issue(const Application& application) const;

 private:
  // `given`: the values, as JSON.
  Issued issue_by_token(StepCa& by, const Secret& presented, const Application& application, const std::string& given,
                        Time now) const;
  Issued issue_by_provisioner(const Application& application, const std::string& given, Time now) const;
  Issued issue_by_acme(const std::string& directory, TrustAnchors roots, Application application, Time now) const;
  TrustAnchors roots_for_foreign() const;
};

}  // namespace everleaf::cli
