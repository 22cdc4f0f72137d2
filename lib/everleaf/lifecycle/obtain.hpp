// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/state/state_directory.hpp>
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
// By TLS client authentication while the certificate is valid, else by token.
std::vector<Certificate> renew(StepCa& ca, const Identity& present, Time now);
std::vector<Certificate> rekey(StepCa& ca, const Identity& present, const PrivateKey& new_key, Time now);

// The one-time token that the configuration provides for `certificate`.
Secret enrollment_token(StepCa& ca, const ManagedCertificate& certificate, Time now, std::stop_token stop);

// The roots by which we know the CA: from the state, seeded on first use by the configured root, or by fetching the one
// with the configured fingerprint. A configured root that the state does not have replaces what it has.
std::vector<Certificate> trusted_roots(const Authority& authority, const StateDirectory& state, std::stop_token stop);

}  // namespace everleaf
