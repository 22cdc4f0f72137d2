// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <everleaf/step_ca/step_ca.hpp>
#include <everleaf/step_ca/token.hpp>

namespace everleaf {

// Which provisioner is wanted; what is empty may be any.
struct ProvisionerWish {
  std::string name;
  std::string type;  // where it is empty, JWK provisioners go before the others
  std::string key_id{};
};

// All that fit. Throws usage, with the names of those that there are, if none does.
std::vector<Provisioner> fitting_provisioners(const std::vector<Provisioner>& provisioners,
                                              const ProvisionerWish& wish);
// The same, if it is only one; throws usage if there are several.
Provisioner choose_provisioner(const std::vector<Provisioner>& provisioners, const ProvisionerWish& wish);

// The provisioner's private key. Throws crypto if the password is wrong; refused if the CA does not keep the key.
PrivateKey decrypt_provisioner_key(const Provisioner& provisioner, const Secret& password);

// How long a one-time token is good if nobody says otherwise.
inline constexpr std::chrono::minutes usual_token_lifetime{5};

struct TokenWish {
  std::string path = "/1.0/sign";  // what it is to be used at; "/1.0/revoke", with a serial number as the subject
  std::string subject;
  std::vector<std::string> names;
  std::string request{};  // see ProvisionToken
  Validity validity;
  std::optional<Time> made{};     // see ProvisionToken
  std::string template_values{};  // see ProvisionToken
};
// A provisioner whose key id is not known is taken to have the usual one, the thumbprint of its key (RFC 7638).
Secret make_token(const StepCa& ca, const Provisioner& provisioner, const PrivateKey& key, const TokenWish& wish);

// The same from an X5C provisioner, which trusts whoever has a certificate of its roots for client authentication. What
// it signs does not outlive that certificate.
Secret make_x5c_token(const StepCa& ca, const Provisioner& provisioner, const Identity& identity, const TokenWish& wish,
                      X5cHeader header = X5cHeader::x5c);

}  // namespace everleaf
