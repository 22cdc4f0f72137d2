// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/sign_token.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/jwe.hpp>
#include <everleaf/jose/jwk.hpp>

namespace everleaf {
namespace {

ProvisionToken claims_of(const StepCa& ca, const Provisioner& provisioner, const TokenWish& wish) {
  return {.issuer = provisioner.name,
          .key_id = provisioner.key_id,
          .audience = ca.url().at(wish.path),
          .subject = wish.subject,
          .names = wish.names,
          .root = ca.root_for_tokens(),
          .validity = wish.validity,
          .request = wish.request,
          .made = wish.made,
          .template_values = wish.template_values};
}

std::string list(const std::vector<Provisioner>& provisioners) {
  std::string known;
  for (const auto& one : provisioners)
    known += (known.empty() ? "" : ", ") + escape(one.name) + " (" + escape(one.type) + ")";
  return known.empty() ? "none" : known;
}

std::vector<Provisioner> all_that_fit(const std::vector<Provisioner>& provisioners, const ProvisionerWish& wish) {
  std::vector<Provisioner> fitting;
  std::copy_if(provisioners.begin(), provisioners.end(), std::back_inserter(fitting), [&](const Provisioner& one) {
    return (wish.type.empty() || one.type == wish.type) && (wish.name.empty() || one.name == wish.name) &&
           (wish.key_id.empty() || one.key_id == wish.key_id);
  });
  return fitting;
}

std::string kind_of(const ProvisionerWish& wish) { return wish.type.empty() ? "" : wish.type + " "; }

}  // namespace

std::vector<Provisioner> fitting_provisioners(const std::vector<Provisioner>& provisioners,
                                              const ProvisionerWish& wish) {
  const auto& [name, type, key_id] = wish;
  const auto fitting = all_that_fit(provisioners, wish);
  if (type.empty())
    if (auto of_keys = all_that_fit(fitting, {name, "JWK", key_id}); !of_keys.empty()) return of_keys;
  if (!fitting.empty()) return fitting;
  const auto hint = "the CA has: " + list(provisioners);
  if (!key_id.empty())
    throw Error(ErrorKind::usage, "the CA has no such provisioner with the key " + escape(key_id), hint);
  const auto called = name.empty() ? "" : " \"" + escape(name) + "\"";
  throw Error(ErrorKind::usage, "the CA has no " + kind_of(wish) + "provisioner" + called, hint);
}

Provisioner choose_provisioner(const std::vector<Provisioner>& provisioners, const ProvisionerWish& wish) {
  const auto fitting = fitting_provisioners(provisioners, wish);
  if (fitting.size() == 1) return fitting.front();
  throw Error(ErrorKind::usage,
              wish.name.empty()
                  ? "the CA has several " + kind_of(wish) +
                        "provisioners: choose one with --provisioner, or \"provisioner\" in a configuration"
                  : "the CA has several provisioners called \"" + escape(wish.name) + "\"",
              "the CA has: " + list(provisioners));
}

PrivateKey decrypt_provisioner_key(const Provisioner& provisioner, const Secret& password) {
  const std::string what = "the key of provisioner \"" + escape(provisioner.name) + "\"";
  if (provisioner.encrypted_key.empty())
    throw Error(ErrorKind::refused, "the CA does not keep " + what, "use a token made where that key is");
  try {
    return private_key_from_jwk(decrypt_jwe(provisioner.encrypted_key, password).reveal(), what);
  } catch (const Error& error) {
    const auto outer = error.within("cannot use " + what);
    throw error.kind() == ErrorKind::crypto
        ? outer.with_hint("it is the password that was set when this provisioner was added to the CA")
        : outer;
  }
}

Secret make_token(const StepCa& ca, const Provisioner& provisioner, const PrivateKey& key, const TokenWish& wish) {
  auto token = claims_of(ca, provisioner, wish);
  if (token.key_id.empty()) token.key_id = jwk_thumbprint(key);
  return sign_token(token, key);
}

Secret make_x5c_token(const StepCa& ca, const Provisioner& provisioner, const Identity& identity, const TokenWish& wish,
                      X5cHeader header) {
  auto token = claims_of(ca, provisioner, wish);
  token.key_id = jwk_thumbprint(identity.key);
  token.audience += "#x5c/" + provisioner.name;
  token.x5c = identity.chain;
  token.x5c_header = header;
  return sign_token(token, identity.key);
}

}  // namespace everleaf
