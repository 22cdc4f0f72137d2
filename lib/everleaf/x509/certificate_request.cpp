// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate_request.hpp>

#include <openssl/pem.h>

#include <algorithm>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

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
  for (const auto& name : names) append(general.get(), name);
  STACK_OF(X509_EXTENSION)* extensions = nullptr;
  X509V3_add1_i2d(&extensions, NID_subject_alt_name, general.get(), critical ? 1 : 0, X509V3_ADD_DEFAULT);
  const bool added = X509_REQ_add_extensions(request, extensions) == 1;
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  require(added, "cannot add subject alternative names to a request");
}

}  // namespace

std::string make_certificate_request(const PrivateKey& key, const std::string& subject,
                                     const std::vector<Name>& names) {
  const X509ReqPtr request(X509_REQ_new());
  set_subject(request.get(), subject);
  set_names(request.get(), names, subject.empty());
  require(X509_REQ_set_pubkey(request.get(), key.native()) == 1, "cannot put a key into a request");
  const bool own_digest = EVP_PKEY_is_a(key.native(), "ED25519") == 1;
  require(X509_REQ_sign(request.get(), key.native(), own_digest ? nullptr : EVP_sha256()) > 0, "cannot sign a request");
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1, "cannot encode a request");
  return contents(bio.get());
}

}  // namespace everleaf
