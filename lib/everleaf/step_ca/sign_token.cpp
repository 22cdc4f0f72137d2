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
          .made = wish.made};
}

std::string list(const std::vector<Provisioner>& provisioners) {
  std::string known;
  for (const auto& one : provisioners)
    known += (known.empty() ? "" : ", ") + escape(one.name) + " (" + escape(one.type) + ")";
  return known.empty() ? "none" : known;
}

}  // namespace

Provisioner choose_provisioner(const std::vector<Provisioner>& provisioners, const std::string& name,
                               const std::string& type, const std::string& key_id) {
  std::vector<Provisioner> fitting;
  const auto fits = [&](const Provisioner& one) {
    return (type.empty() || one.type == type) && (name.empty() || one.name == name) &&
           (key_id.empty() || one.key_id == key_id);
  };
  std::copy_if(provisioners.begin(), provisioners.end(), std::back_inserter(fitting), fits);
  if (fitting.size() == 1) return fitting.front();
  const bool has_jwk =
      std::any_of(fitting.begin(), fitting.end(), [](const Provisioner& one) { return one.type == "JWK"; });
  if (type.empty() && has_jwk) return choose_provisioner(provisioners, name, "JWK", key_id);

  const std::string hint = "the CA has: " + list(provisioners);
  const auto kind = type.empty() ? "" : type + " ";
  if (!fitting.empty()) {
    if (name.empty())
      throw Error(ErrorKind::usage,
                  "the CA has several " + kind +
                      "provisioners: choose one with --provisioner, or \"provisioner\" in a configuration",
                  hint);
    throw Error(ErrorKind::usage, "the CA has several provisioners called \"" + escape(name) + "\"", hint);
  }
  if (!key_id.empty())
    throw Error(ErrorKind::usage, "the CA has no such provisioner with the key " + escape(key_id), hint);
  if (name.empty()) throw Error(ErrorKind::usage, "the CA has no " + kind + "provisioner", hint);
  throw Error(ErrorKind::usage, "the CA has no " + kind + "provisioner \"" + escape(name) + "\"", hint);
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
  return sign_token(claims_of(ca, provisioner, wish), key);
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
