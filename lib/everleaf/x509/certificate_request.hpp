// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/x509/fingerprint.hpp>
#include <everleaf/x509/name.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/public_key.hpp>
#include <everleaf/x509/request_contents.hpp>

struct X509_req_st;

namespace everleaf {

// A PKCS #10 certificate signing request (RFC 2986) that somebody else made. Parsed once, immutable, cheap to copy.
class CertificateRequest {
 public:
  // The first CERTIFICATE REQUEST block of `pem`. Throws malformed; `source` names the file in the error.
  static CertificateRequest from_pem(std::string_view pem, const std::string& source);
  static CertificateRequest from_der(std::string_view der, const std::string& source);
  static CertificateRequest from_pem_or_der(std::string_view bytes, const std::string& source);

  std::string to_pem() const;
  std::string to_der() const;

  Fingerprint fingerprint() const;  // of the DER: what a token's "cnf" names
  std::string common_name() const;  // somebody else's text: escape() it
  std::vector<Name> names() const;  // sorted
  PublicKey public_key() const;
  bool has_valid_signature() const;  // whoever made it has the key

  X509_req_st* native() const { return native_.get(); }

 private:
  explicit CertificateRequest(std::shared_ptr<X509_req_st> native) : native_(std::move(native)) {}
  std::shared_ptr<X509_req_st> native_;
};

// A request in PEM, signed with `key`, for the common name `subject` (none if empty) and `names` as subject
// alternative names. Throws crypto; malformed if a name cannot be encoded.
std::string make_certificate_request(const PrivateKey& key, const std::string& subject, const std::vector<Name>& names);
// The same of all that `contents` has.
std::string make_certificate_request(const PrivateKey& key, const RequestContents& contents);

}  // namespace everleaf
