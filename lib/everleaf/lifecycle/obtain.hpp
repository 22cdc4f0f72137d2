// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/step_ca/step_ca.hpp>

namespace everleaf {

// A first certificate to ask for.
struct CertificateWish {
  std::string subject;
  std::vector<std::string> names;
  std::string not_before;  // as in SignRequest
  std::string not_after;
};

// Each asks the CA once and answers what it said, judged by nobody yet: see check.hpp. Throws what StepCa throws.
std::vector<Certificate> enroll(StepCa& ca, const CertificateWish& wish, const PrivateKey& key, const Secret& token);
std::vector<Certificate> sign(StepCa& ca, const SignRequest& request);  // the same for a request that is there already
// By TLS client authentication while the certificate is valid, else by token.
std::vector<Certificate> renew(StepCa& ca, const Identity& present, Time now);
std::vector<Certificate> rekey(StepCa& ca, const Identity& present, const PrivateKey& new_key, Time now);

// What the configuration names for enrolling. Throw storage, with a hint, for who may not read it; missing, malformed
// or conflict for what is no credential.
Secret read_credential(const std::filesystem::path& path);
Identity read_identity(const X5cCredential& credential);

// Throws, with the command that makes another one, malformed for what is no token and configuration for one that the CA
// would refuse for this certificate: it would be spent by that. What other provisioners than JWK and X5C take says
// nothing of names, and is left to the CA. So is when it expires, unless there is a `now`.
void require_token_for(const Secret& token, const std::string& subject, const std::vector<std::string>& names,
                       std::optional<Time> now = {});

// The one-time token that the configuration provides for `certificate`. One that we sign ourselves is dated by the CA's
// clock, as far as the CA has told it.
Secret enrollment_token(StepCa& ca, const ManagedCertificate& certificate, Time now, std::stop_token stop);

}  // namespace everleaf
