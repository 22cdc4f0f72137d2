// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <everleaf/step_ca/step_ca.hpp>
#include <everleaf/step_ca/token.hpp>

namespace everleaf {

// The JWK provisioner called `name`, or, if that is empty, the only one there is. Throws refused with the names of
// those that there are.
Provisioner choose_provisioner(const std::vector<Provisioner>& provisioners, const std::string& name);

// The provisioner's private key. Throws crypto if the password is wrong; refused if the CA does not keep the key.
PrivateKey decrypt_provisioner_key(const Provisioner& provisioner, const Secret& password);

// How long a one-time token is good if nobody says otherwise.
inline constexpr std::chrono::minutes usual_token_lifetime{5};

// The one-time token for a certificate of `subject` and `names` from `ca`.
Secret make_sign_token(const StepCa& ca, const Provisioner& provisioner, const PrivateKey& key,
                       const std::string& subject, const std::vector<std::string>& names, const Validity& validity);

}  // namespace everleaf
