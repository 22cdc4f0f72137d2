// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate_request.hpp>

#include <openssl/pem.h>

#include <algorithm>

#include <everleaf/x509/names.hpp>

namespace everleaf {
namespace {

// As strong as the curve (as step signs); Ed25519 brings its own.
const EVP_MD* digest_for(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return nullptr;
  const auto curve = curve_name(key);
  if (curve == "P-384") return EVP_sha384();
  return curve == "P-521" ? EVP_sha512() : EVP_sha256();
}

void set_subject(X509_REQ* request, const std::string& subject) {
  if (subject.empty()) return;
  if (X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_UTF8,
                                 to_unsigned(subject), int_size(subject), -1, 0) != 1)
    throw_openssl("cannot use " + escape(subject) + " as a common name", ErrorKind::malformed);
}

ASN1_IA5STRING* ia5(const std::string& text) {
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x80; }))
    throw Error(ErrorKind::malformed, escape(text) + " cannot stand in a certificate: it is not ASCII",
                "write an international domain in its xn-- form");
  ASN1_IA5STRING* string = ASN1_IA5STRING_new();
  ASN1_STRING_set(string, text.data(), int_size(text));
  return string;
}

void append(GENERAL_NAMES* names, const Name& name) {
  GENERAL_NAME* entry = GENERAL_NAME_new();
  sk_GENERAL_NAME_push(names, entry);
  switch (name.kind) {
    case Name::Kind::dns: return GENERAL_NAME_set0_value(entry, GEN_DNS, ia5(name.value));
    case Name::Kind::email: return GENERAL_NAME_set0_value(entry, GEN_EMAIL, ia5(name.value));
    case Name::Kind::uri: return GENERAL_NAME_set0_value(entry, GEN_URI, ia5(name.value));
    case Name::Kind::ip: {
      ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.value.c_str());
      if (address == nullptr) throw Error(ErrorKind::malformed, escape(name.value) + " is not an IP address");
      return GENERAL_NAME_set0_value(entry, GEN_IPADD, address);
    }
  }
}

void set_names(X509_REQ* request, const std::vector<Name>& names, bool critical) {
  if (names.empty()) return;
  const GeneralNamesPtr general(GENERAL_NAMES_new());
  auto sorted = names;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Name& a, const Name& b) { return a.kind < b.kind; });
  for (const auto& name : sorted) append(general.get(), name);
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  X509V3_add1_i2d(&extensions, NID_subject_alt_name, general.get(), critical ? 1 : 0, X509V3_ADD_DEFAULT);
  const bool added = X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  require(added, "cannot add subject alternative names to a request");
}

}  // namespace

CertificateRequest CertificateRequest::from_pem(std::string_view pem, const std::string& source) {
  const auto bio = read_bio(pem);
  std::shared_ptr<X509_REQ> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, refuse_password, nullptr), X509_REQ_free);
  ERR_clear_error();
  if (!request) throw Error(ErrorKind::malformed, source + " is not a certificate request in PEM");
  return CertificateRequest(std::move(request));
}

CertificateRequest CertificateRequest::from_der(std::string_view der, const std::string& source) {
  const auto* bytes = to_unsigned(der);
  const auto* end = bytes + der.size();
  std::shared_ptr<X509_REQ> request(d2i_X509_REQ(nullptr, &bytes, static_cast<long>(der.size())), X509_REQ_free);
  ERR_clear_error();
  if (!request || bytes != end) throw Error(ErrorKind::malformed, source + " is not a certificate request in DER");
  return CertificateRequest(std::move(request));
}

std::string CertificateRequest::to_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_REQ(bio.get(), native()) == 1, "cannot encode a request");
  return contents(bio.get());
}

std::string CertificateRequest::to_der() const { return everleaf::to_der(i2d_X509_REQ, native()); }

Fingerprint CertificateRequest::fingerprint() const { return Fingerprint::of(to_der()); }

std::string CertificateRequest::common_name() const { return common_name_of(X509_REQ_get_subject_name(native())); }

std::vector<Name> CertificateRequest::names() const {
  const auto extensions = extensions_of(native());
  const GeneralNamesPtr general(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  auto names = to_names(general.get());
  std::sort(names.begin(), names.end());
  return names;
}

PublicKey CertificateRequest::public_key() const { return PublicKey::from_native(X509_REQ_get0_pubkey(native())); }

bool CertificateRequest::has_valid_signature() const {
  EVP_PKEY* key = X509_REQ_get0_pubkey(native());
  const bool valid = key != nullptr && X509_REQ_verify(native(), key) == 1;
  ERR_clear_error();
  return valid;
}

std::string make_certificate_request(const PrivateKey& key, const std::string& subject,
                                     const std::vector<Name>& names) {
  const X509ReqPtr request(X509_REQ_new());
  set_subject(request.get(), subject);
  set_names(request.get(), names, subject.empty());
  require(X509_REQ_set_pubkey(request.get(), key.native()) == 1, "cannot put a key into a request");
  require(X509_REQ_sign(request.get(), key.native(), digest_for(key.native())) > 0, "cannot sign a request");
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1, "cannot encode a request");
  return contents(bio.get());
}

}  // namespace everleaf
