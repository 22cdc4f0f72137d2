// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/pkcs12.hpp>

#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include <everleaf/x509/digest.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

using Pkcs12Ptr = std::unique_ptr<PKCS12, Free<PKCS12_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, Free<OSSL_PROVIDER_unload>>;
using Bags = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), void (*)(STACK_OF(PKCS12_SAFEBAG)*)>;
using Safes = std::unique_ptr<STACK_OF(PKCS7), void (*)(STACK_OF(PKCS7)*)>;

constexpr int iterations = 2048;

struct Algorithms {
  int certificates;
  int key;
  int mac_iterations;
  const EVP_MD* mac;
};

Algorithms algorithms_of(Pkcs12Encryption encryption) {
  if (encryption == Pkcs12Encryption::modern) return {NID_aes_256_cbc, NID_aes_256_cbc, iterations, EVP_sha256()};
  return {NID_pbe_WithSHA1And40BitRC2_CBC, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 1, EVP_sha1()};
}

// As Go writes it.
std::string subject_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return contents(bio.get());
}

// Java believes a certificate only if this attribute says "any purpose".
void mark_as_trusted(PKCS12_SAFEBAG* bag, const Certificate& certificate) {
  static const int trusted_key_usage = OBJ_create("2.16.840.1.113894.746875.1.1", nullptr, nullptr);
  const std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>> any(OBJ_txt2obj("2.5.29.37.0", 1));
  require(PKCS12_add1_attr_by_NID(bag, trusted_key_usage, V_ASN1_OBJECT,
                                  reinterpret_cast<const unsigned char*>(any.get()), -1) == 1,
          "cannot mark a certificate as trusted");
  const auto name = subject_text(X509_get_subject_name(certificate.native())) + " - " + certificate.fingerprint().hex();
  require(PKCS12_add_friendlyname_utf8(bag, name.c_str(), int_size(name)) == 1, "cannot name a certificate");
}

class Writer {
 public:
  explicit Writer(Pkcs12Encryption encryption) : algorithms_(algorithms_of(encryption)) {
    if (encryption == Pkcs12Encryption::modern) return;
    default_.reset(OSSL_PROVIDER_load(nullptr, "default"));  // loading one by name stops the automatic one
    legacy_.reset(OSSL_PROVIDER_load(nullptr, "legacy"));
    require(legacy_ != nullptr, "cannot load OpenSSL's legacy algorithms");
  }

  PKCS12_SAFEBAG* add(const Certificate& certificate) {
    STACK_OF(PKCS12_SAFEBAG)* stack = certificates_.release();
    PKCS12_SAFEBAG* bag = PKCS12_add_cert(&stack, certificate.native());
    certificates_.reset(stack);
    require(bag != nullptr, "cannot pack a certificate");
    return bag;
  }

  void add(const PrivateKey& key, std::string key_id, const std::string& password) {
    STACK_OF(PKCS12_SAFEBAG)* stack = keys_.release();
    PKCS12_SAFEBAG* bag = PKCS12_add_key(&stack, key.native(), 0, iterations, algorithms_.key, password.c_str());
    keys_.reset(stack);
    require(bag != nullptr && PKCS12_add_localkeyid(bag, to_unsigned(key_id), int_size(key_id)) == 1,
            "cannot pack a key");
  }

  std::string finish(const std::string& password) {
    STACK_OF(PKCS7)* stack = nullptr;
    require(PKCS12_add_safe(&stack, certificates_.get(), algorithms_.certificates, iterations, password.c_str()) == 1,
            "cannot encrypt certificates");
    const Safes safes(stack, [](STACK_OF(PKCS7) * all) { sk_PKCS7_pop_free(all, PKCS7_free); });
    if (keys_) require(PKCS12_add_safe(&stack, keys_.get(), -1, 0, nullptr) == 1, "cannot pack a key");
    const Pkcs12Ptr file(PKCS12_add_safes(stack, 0));
    require(file != nullptr && PKCS12_set_mac(file.get(), password.c_str(), int_size(password), nullptr, 0,
                                              algorithms_.mac_iterations, algorithms_.mac) == 1,
            "cannot seal a PKCS #12 file");
    return to_der(i2d_PKCS12, file.get());
  }

 private:
  static void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }

  Algorithms algorithms_;
  ProviderPtr default_;
  ProviderPtr legacy_;
  Bags certificates_{nullptr, free_bags};
  Bags keys_{nullptr, free_bags};
};

}  // namespace

std::string make_pkcs12(const std::optional<Identity>& identity, const std::vector<Certificate>& others,
                        const Secret& password, Pkcs12Encryption encryption) {
  const std::string word(password.reveal());
  Writer writer(encryption);
  if (identity) {
    auto key_id = sha1(identity->leaf().to_der());
    require(PKCS12_add_localkeyid(writer.add(identity->leaf()), to_unsigned(key_id), int_size(key_id)) == 1,
            "cannot pack a certificate");
    for (std::size_t i = 1; i < identity->chain.size(); ++i) writer.add(identity->chain[i]);
    writer.add(identity->key, std::move(key_id), word);
  }
  for (const auto& other : others) {
    auto* bag = writer.add(other);
    if (!identity) mark_as_trusted(bag, other);
  }
  return writer.finish(word);
}

}  // namespace everleaf
