// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <everleaf/x509/openssl.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf::testing {

// What is in a certificate, as OpenSSL's configuration files write it; what is empty is left out.
struct Recipe {
  std::string subject = "myuser";
  std::string names = "DNS:myuser";
  std::string usages = "serverAuth,clientAuth";
  std::string constraints;
  Validity validity = {std::chrono::sys_days(std::chrono::year(2026) / 1 / 2),
                       std::chrono::sys_days(std::chrono::year(2026) / 1 / 3)};
};

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "cannot add an extension");
}

// Signs `recipe` for `key`. Without an issuer it signs itself, by the issuer's key.
inline Certificate make_certificate(const Recipe& recipe, const PrivateKey& key, const PrivateKey& issuer_key,
                                    const Certificate* issuer) {
  static long serial = 0;
  const std::unique_ptr<X509, Free<X509_free>> made(X509_new());
  auto* native = made.get();
  X509* signer = issuer != nullptr ? issuer->native() : native;
  X509_set_version(native, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(native), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(native), recipe.validity.not_before.time_since_epoch().count());
  ASN1_TIME_set(X509_getm_notAfter(native), recipe.validity.not_after.time_since_epoch().count());
  X509_NAME_add_entry_by_NID(X509_get_subject_name(native), NID_commonName, MBSTRING_UTF8, to_unsigned(recipe.subject),
                             int_size(recipe.subject), -1, 0);
  X509_set_issuer_name(native, X509_get_subject_name(signer));
  X509_set_pubkey(native, key.native());
  add_extension(native, signer, NID_basic_constraints, recipe.constraints);
  add_extension(native, signer, NID_subject_alt_name, recipe.names);
  add_extension(native, signer, NID_ext_key_usage, recipe.usages);
  add_extension(native, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add_extension(native, signer, NID_authority_key_identifier, "keyid");
  require(X509_sign(native, issuer_key.native(), EVP_sha256()) > 0, "cannot sign");
  return Certificate::from_der(to_der(i2d_X509, native), "the certificate");
}

// A root and an intermediate that sign what they are told to.
class TestCa {
 public:
  explicit TestCa(const std::string& name = "Test")
      : root_key_(PrivateKey::generate(KeyType::ec_p256)),
        root_(make_certificate(authority(name + " Root"), root_key_, root_key_, nullptr)),
        key_(PrivateKey::generate(KeyType::ec_p256)),
        intermediate_(make_certificate(authority(name + " Intermediate"), key_, root_key_, &root_)) {}

  const Certificate& root() const { return root_; }
  const Certificate& intermediate() const { return intermediate_; }

  Certificate sign(const Recipe& recipe, const PrivateKey& key) const {
    return make_certificate(recipe, key, key_, &intermediate_);
  }
  Identity issue(const Recipe& recipe = {}, const PrivateKey& key = PrivateKey::generate(KeyType::ec_p256)) const {
    return {{sign(recipe, key), intermediate_}, key};
  }

 private:
  static Recipe authority(const std::string& name) {
    return {.subject = name,
            .names = "",
            .usages = "",
            .constraints = "critical,CA:TRUE",
            .validity = {std::chrono::sys_days(std::chrono::year(2020) / 1 / 1),
                         std::chrono::sys_days(std::chrono::year(2040) / 1 / 1)}};
  }

  PrivateKey root_key_;
  Certificate root_;
  PrivateKey key_;
  Certificate intermediate_;
};

}  // namespace everleaf::testing
