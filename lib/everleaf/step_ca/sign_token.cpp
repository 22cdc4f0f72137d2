// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/sign_token.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/jwe.hpp>
#include <everleaf/jose/jwk.hpp>

namespace everleaf {

Provisioner choose_provisioner(const std::vector<Provisioner>& provisioners, const std::string& name) {
  std::vector<Provisioner> fitting;
  std::copy_if(provisioners.begin(), provisioners.end(), std::back_inserter(fitting),
               [&](const Provisioner& one) { return one.type == "JWK" && (name.empty() || one.name == name); });
  if (fitting.size() == 1) return fitting.front();
  std::string known;
  for (const auto& one : provisioners)
    known += (known.empty() ? "" : ", ") + escape(one.name) + " (" + escape(one.type) + ")";
  const std::string hint = "the CA has: " + (known.empty() ? "none" : known);
  if (!fitting.empty()) {
    if (name.empty())
      throw Error(ErrorKind::usage, "the CA has several JWK provisioners: choose one with --provisioner", hint);
    throw Error(ErrorKind::usage, "the CA has several provisioners called \"" + escape(name) + "\"", hint);
  }
  if (name.empty()) throw Error(ErrorKind::usage, "the CA has no JWK provisioner", hint);
  throw Error(ErrorKind::usage, "the CA has no JWK provisioner \"" + escape(name) + "\"", hint);
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

Secret make_sign_token(const StepCa& ca, const Provisioner& provisioner, const PrivateKey& key,
                       const std::string& subject, const std::vector<std::string>& names, const Validity& validity) {
  std::optional<Fingerprint> root;
  if (!ca.trusted_roots().empty()) root = ca.trusted_roots().front().fingerprint();
  return sign_token({.issuer = provisioner.name,
                     .key_id = provisioner.key_id,
                     .audience = ca.url().at("/1.0/sign"),
                     .subject = subject,
                     .names = names,
                     .root = root,
                     .validity = validity},
                    key);
}

}  // namespace everleaf
