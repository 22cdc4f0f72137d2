// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/time/time.hpp>
#include <everleaf/x509/fingerprint.hpp>
#include <everleaf/x509/name.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/public_key.hpp>

struct x509_st;

namespace everleaf {

// Which provisioner of step-ca issued a certificate: its own extension
// (certificates: authority/provisioner/extension.go).
inline constexpr std::string_view step_provisioner_oid = "1.3.6.1.4.1.37476.9000.64.1";
struct ProvisionerExtension {
  std::string type;  // "JWK", "ACME", ...
  std::string name;
  std::string credential_id;  // the key id, the client id; may be empty
};

// An X.509 certificate (RFC 5280). Parsed once, immutable, cheap to copy. Nothing here says that it can be trusted:
// see verify.hpp.
class Certificate {
 public:
  // The first CERTIFICATE block of `pem`. Throws malformed; `source` names the file in the error.
  static Certificate from_pem(std::string_view pem, const std::string& source);
  static Certificate from_der(std::string_view der, const std::string& source);
  // Shares OpenSSL's object.
  static Certificate from_native(x509_st* native);

  std::string to_pem() const;
  std::string to_der() const;

  Validity validity() const;
  Fingerprint fingerprint() const;
  std::string sha1_hex() const;  // lower case; what nginx calls $ssl_client_fingerprint
  // Digits only; the form that /revoke takes.
  std::string serial_decimal() const;
  // Lower case, no prefix, at least two digits.
  std::string serial_hex() const;
  // The last common name of the subject and issuer, empty if there is none. Somebody else's text: escape() it.
  std::string common_name() const;
  std::string issuer_common_name() const;
  std::vector<Name> names() const;                       // sorted
  std::vector<std::string> extended_key_usages() const;  // dotted OIDs, sorted; empty: no limit
  bool is_authority() const;                             // basicConstraints CA:TRUE
  bool is_self_issued() const;
  // Whether `issuer` may have issued this one: names, key identifiers and key usage; the signature is not looked at.
  bool may_be_issued_by(const Certificate& issuer) const;
  bool is_for(const PrivateKey& key) const;
  PublicKey public_key() const;  // throws malformed if it is of an unknown kind
  std::optional<ProvisionerExtension> provisioner() const;

  x509_st* native() const { return native_.get(); }
  friend bool operator==(const Certificate& a, const Certificate& b) { return a.fingerprint() == b.fingerprint(); }

 private:
  explicit Certificate(std::shared_ptr<x509_st> native) : native_(std::move(native)) {}
  std::shared_ptr<x509_st> native_;
};

// All CERTIFICATE blocks in order, other text ignored. Throws malformed if there is none or one is damaged.
std::vector<Certificate> parse_certificates(std::string_view pem, const std::string& source);
// The same, or the one that `bytes` is in DER.
std::vector<Certificate> parse_certificates_or_der(std::string_view bytes, const std::string& source);
std::string to_pem(const std::vector<Certificate>& certificates);

}  // namespace everleaf
