// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate_request.hpp>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cctype>

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

void push(STACK_OF(X509_EXTENSION) * extensions, X509_EXTENSION* extension) {
  require(extension != nullptr, "cannot make an extension of a request");
  sk_X509_EXTENSION_push(extensions, extension);
}

void add_names(STACK_OF(X509_EXTENSION) * extensions, const std::vector<Name>& names, bool critical) {
  if (names.empty()) return;
  const GeneralNamesPtr general(GENERAL_NAMES_new());
  auto sorted = names;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Name& a, const Name& b) { return a.kind < b.kind; });
  for (const auto& name : sorted) append(general.get(), name);
  push(extensions, X509V3_EXT_i2d(NID_subject_alt_name, critical ? 1 : 0, general.get()));
}

using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>>;
using OctetStringPtr = std::unique_ptr<ASN1_OCTET_STRING, Free<ASN1_OCTET_STRING_free>>;

ObjectPtr object_of(const std::string& oid) {
  ObjectPtr object(OBJ_txt2obj(oid.c_str(), 1));
  require(object != nullptr, "cannot use an object identifier");
  return object;
}

void add(STACK_OF(X509_EXTENSION) * extensions, const RequestContents::Extension& extension) {
  const OctetStringPtr value(ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(value.get(), to_unsigned(extension.value), int_size(extension.value));
  push(extensions,
       X509_EXTENSION_create_by_OBJ(nullptr, object_of(extension.oid).get(), extension.critical ? 1 : 0, value.get()));
}

// What Go's encoding/asn1 makes of a string: printable if it can be, else UTF-8; and of an e-mail address step IA5.
int type_of(const RequestContents::Attribute& attribute) {
  if (attribute.oid == "1.2.840.113549.1.9.1") return V_ASN1_IA5STRING;
  const bool printable = std::all_of(attribute.value.begin(), attribute.value.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
  });
  return printable ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
}

// Go and step-ca do not keep to the 64 characters of RFC 5280, appendix A.1: names within Kubernetes are longer.
constexpr std::size_t longest_attribute = 4096;

void add(X509_NAME* subject, const RequestContents::Attribute& attribute, bool together_with_last) {
  const auto& value = attribute.value;
  const int type = type_of(attribute);
  const auto good =
      type == V_ASN1_IA5STRING
          ? static_cast<std::size_t>(std::find_if(value.begin(), value.end(), [](char c) { return (c & 0x80) != 0; }) -
                                     value.begin())
          : length_of_utf8(value);
  if (good != value.size() || good > longest_attribute)
    throw Error(ErrorKind::malformed, escape(value) + " cannot stand in a subject");
  require(X509_NAME_add_entry_by_OBJ(subject, object_of(attribute.oid).get(), type, to_unsigned(value), int_size(value),
                                     -1, together_with_last ? -1 : 0) == 1,
          "cannot put an attribute into a subject");
}

struct SignatureAlgorithm {
  std::string_view name;
  const char* key;
  const EVP_MD* (*digest)();
  bool pss = false;
};

// Those of x509util/algorithms.go that nobody should refuse.
const SignatureAlgorithm& find_algorithm(std::string name, const EVP_PKEY* key) {
  static const std::array<SignatureAlgorithm, 10> all{{{"SHA256-RSA", "RSA", EVP_sha256},
                                                       {"SHA384-RSA", "RSA", EVP_sha384},
                                                       {"SHA512-RSA", "RSA", EVP_sha512},
                                                       {"SHA256-RSAPSS", "RSA", EVP_sha256, true},
                                                       {"SHA384-RSAPSS", "RSA", EVP_sha384, true},
                                                       {"SHA512-RSAPSS", "RSA", EVP_sha512, true},
                                                       {"ECDSA-SHA256", "EC", EVP_sha256},
                                                       {"ECDSA-SHA384", "EC", EVP_sha384},
                                                       {"ECDSA-SHA512", "EC", EVP_sha512},
                                                       {"Ed25519", "ED25519", EVP_md_null}}};
  const auto same = [&](std::string_view one) {
    return std::equal(one.begin(), one.end(), name.begin(), name.end(),
                      [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
  };
  const auto* found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return same(one.name); });
  if (found == all.end())
    throw Error(ErrorKind::malformed, "the signature algorithm " + escape(name) + " is not supported",
                "there are SHA256-RSA, SHA256-RSAPSS, ECDSA-SHA256, the same with SHA384 and SHA512, and Ed25519");
  if (EVP_PKEY_is_a(key, found->key) != 1)
    throw Error(ErrorKind::malformed,
                "a key of kind " + kind_of_key(key) + " cannot sign by " + std::string(found->name));
  return *found;
}

void sign(X509_REQ* request, EVP_PKEY* key, const std::string& algorithm) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  const auto* chosen = algorithm.empty() ? nullptr : &find_algorithm(algorithm, key);
  const auto* digest = chosen == nullptr || chosen->digest == EVP_md_null ? digest_for(key) : chosen->digest();
  bool ready = EVP_DigestSignInit(context.get(), &options, digest, nullptr, key) == 1;
  if (ready && chosen != nullptr && chosen->pss)
    ready = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
  require(ready && X509_REQ_sign_ctx(request, context.get()) > 0, "cannot sign a request");
}

// With what is in it already, and the rest of `contents`.
std::string finish(X509_REQ* request, const PrivateKey& key, const RequestContents& contents, bool names_are_critical) {
  const ExtensionStack extensions(sk_X509_EXTENSION_new_null(), [](STACK_OF(X509_EXTENSION) * stack) {
    sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free);
  });
  const bool has_own_names = std::any_of(contents.extensions.begin(), contents.extensions.end(),
                                         [](const auto& extension) { return extension.oid == "2.5.29.17"; });
  if (!has_own_names) add_names(extensions.get(), contents.names, names_are_critical);
  for (const auto& extension : contents.extensions) add(extensions.get(), extension);
  if (sk_X509_EXTENSION_num(extensions.get()) > 0)
    require(X509_REQ_add_extensions(request, extensions.get()) == 1, "cannot add extensions to a request");
  require(X509_REQ_set_pubkey(request, key.native()) == 1, "cannot put a key into a request");
  sign(request, key.native(), contents.signature_algorithm);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509_REQ(bio.get(), request) == 1, "cannot encode a request");
  return everleaf::contents(bio.get());
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

CertificateRequest CertificateRequest::from_pem_or_der(std::string_view bytes, const std::string& source) {
  const bool is_der = bytes.starts_with('\x30') && bytes.find("-----BEGIN ") == std::string_view::npos;
  return is_der ? from_der(bytes, source) : from_pem(bytes, source);
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
  RequestContents contents{.names = names};
  if (!subject.empty()) contents.subject = {{{"2.5.4.3", subject}}};
  return make_certificate_request(key, contents);
}

std::string make_certificate_request(const PrivateKey& key, const RequestContents& contents) {
  const X509ReqPtr request(X509_REQ_new());
  for (const auto& together : contents.subject)
    for (const auto& attribute : together)
      add(X509_REQ_get_subject_name(request.get()), attribute, &attribute != &together.front());
  return finish(request.get(), key, contents, contents.subject.empty());
}

}  // namespace everleaf
