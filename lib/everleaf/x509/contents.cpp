// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/contents.hpp>

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <bitset>

#include <everleaf/x509/digest.hpp>

namespace everleaf {
namespace {

std::string label_of(const std::string& oid) {
  static const std::vector<std::pair<std::string, std::string>> labels{{"2.5.4.3", "CN"},
                                                                       {"2.5.4.5", "SERIALNUMBER"},
                                                                       {"2.5.4.6", "C"},
                                                                       {"2.5.4.7", "L"},
                                                                       {"2.5.4.8", "ST"},
                                                                       {"2.5.4.9", "STREET"},
                                                                       {"2.5.4.10", "O"},
                                                                       {"2.5.4.11", "OU"},
                                                                       {"2.5.4.17", "POSTALCODE"},
                                                                       {"1.2.840.113549.1.9.1", "emailAddress"},
                                                                       {"0.9.2342.19200300.100.1.25", "DC"},
                                                                       {"0.9.2342.19200300.100.1.1", "UID"}};
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const auto& entry) { return entry.first == oid; });
  return found == labels.end() ? "" : found->second;
}

std::string utf8(const ASN1_STRING* string) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, string);
  if (size < 0) return {};
  std::string result(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

std::string number(const EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &value) != 1) return {};
  const BignumPtr owner(value);
  return to_bytes(value, static_cast<std::size_t>(BN_num_bytes(value)));
}

std::string raw_public_key(const EVP_PKEY* key) {
  std::size_t size = 0;
  EVP_PKEY_get_raw_public_key(key, nullptr, &size);
  std::string bytes(size, '\0');
  EVP_PKEY_get_raw_public_key(key, to_unsigned(bytes), &size);
  return bytes;
}

std::string point_of(const EVP_PKEY* key) {
  std::size_t size = 0;
  EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0, &size);
  std::string bytes(size, '\0');
  EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, to_unsigned(bytes), bytes.size(), &size);
  return bytes;
}

// An address and its mask (RFC 5280, section 4.2.1.10) as "10.0.0.0/8"; in hex if that would not be true.
std::string range_text(const std::string& bytes) {
  std::string mask;
  for (const char byte : bytes.substr(bytes.size() / 2))
    mask += std::bitset<8>(static_cast<unsigned char>(byte)).to_string();
  const auto ones = std::min(mask.find('0'), mask.size());
  if ((bytes.size() != 8 && bytes.size() != 32) || mask.find('1', ones) != std::string::npos) return hex(bytes);
  std::array<char, INET6_ADDRSTRLEN> address{};
  inet_ntop(bytes.size() == 8 ? AF_INET : AF_INET6, bytes.data(), address.data(), address.size());
  return address.data() + ("/" + std::to_string(ones));
}

std::string pss_digest(const X509_ALGOR* algorithm) {
  const std::unique_ptr<RSA_PSS_PARAMS, Free<RSA_PSS_PARAMS_free>> parameters(
      static_cast<RSA_PSS_PARAMS*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter)));
  ERR_clear_error();
  const bool given = parameters != nullptr && parameters->hashAlgorithm != nullptr;
  return given ? OBJ_nid2sn(OBJ_obj2nid(parameters->hashAlgorithm->algorithm)) : "SHA1";
}

void append_urls(std::vector<std::string>& urls, const GENERAL_NAMES* names) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i)
    if (const auto* name = sk_GENERAL_NAME_value(names, i); name->type == GEN_URI)
      urls.push_back(text_of(name->d.uniformResourceIdentifier));
}

}  // namespace

std::vector<Attribute> attributes_of(const X509_NAME* name) {
  std::vector<Attribute> attributes;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const auto oid = dotted_oid(X509_NAME_ENTRY_get_object(entry));
    attributes.push_back({oid, label_of(oid), utf8(X509_NAME_ENTRY_get_data(entry))});
  }
  return attributes;
}

std::string signature_algorithm_name(const X509_ALGOR* algorithm) {
  const int nid = OBJ_obj2nid(algorithm->algorithm);
  int digest = 0;
  int key = 0;
  if (nid == NID_ED25519) return "Ed25519";
  if (nid == NID_rsassaPss) return pss_digest(algorithm) + "-RSAPSS";
  if (OBJ_find_sigid_algs(nid, &digest, &key) != 1) return OBJ_nid2sn(nid);
  const std::string hash = OBJ_nid2sn(digest);
  if (key == NID_X9_62_id_ecPublicKey) return "ECDSA-" + hash;
  return key == NID_rsaEncryption ? hash + "-RSA" : std::string(OBJ_nid2sn(nid));
}

std::string dotted_oid(const ASN1_OBJECT* object) {
  std::array<char, 128> text{};
  OBJ_obj2txt(text.data(), text.size(), object, 1);
  return text.data();
}

KeyNumbers numbers_of(const EVP_PKEY* key) {
  KeyNumbers result{.kind = kind_of_key(key), .bits = EVP_PKEY_get_bits(key)};
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    result.kind = "RSA";
    result.modulus = number(key, OSSL_PKEY_PARAM_RSA_N);
    result.exponent = number(key, OSSL_PKEY_PARAM_RSA_E);
  } else if (EVP_PKEY_is_a(key, "EC") == 1) {
    result.kind = "ECDSA";
    result.curve = curve_name(key);
    result.x = number(key, OSSL_PKEY_PARAM_EC_PUB_X);
    result.y = number(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    result.raw = point_of(key);
  } else if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    result.kind = "Ed25519";
    result.raw = raw_public_key(key);
  }
  return result;
}

unsigned key_usage_bits(const ASN1_BIT_STRING* usage) {
  unsigned bits = 0;
  for (int i = 0; i < 9; ++i)
    if (ASN1_BIT_STRING_get_bit(usage, i) == 1) bits |= 1U << i;
  return bits;
}

Urls access_urls(const AUTHORITY_INFO_ACCESS* access) {
  Urls urls;
  for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); ++i) {
    const auto* entry = sk_ACCESS_DESCRIPTION_value(access, i);
    if (entry->location->type != GEN_URI) continue;
    const auto url = text_of(entry->location->d.uniformResourceIdentifier);
    if (OBJ_obj2nid(entry->method) == NID_ad_OCSP) urls.ocsp.push_back(url);
    if (OBJ_obj2nid(entry->method) == NID_ad_ca_issuers) urls.issuers.push_back(url);
  }
  return urls;
}

std::vector<std::string> distribution_urls(const CRL_DIST_POINTS* points) {
  std::vector<std::string> urls;
  for (int i = 0; i < sk_DIST_POINT_num(points); ++i)
    if (const auto* point = sk_DIST_POINT_value(points, i)->distpoint; point != nullptr && point->type == 0)
      append_urls(urls, point->name.fullname);
  return urls;
}

std::string in_base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(to_unsigned(text), to_unsigned(bytes), int_size(bytes))));
  return text;
}

std::vector<Name> names_of(const STACK_OF(GENERAL_SUBTREE) * subtrees) {
  std::vector<Name> names;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); ++i) {
    const auto* base = sk_GENERAL_SUBTREE_value(subtrees, i)->base;
    if (base->type == GEN_DNS) names.push_back({Name::Kind::dns, text_of(base->d.dNSName)});
    if (base->type == GEN_EMAIL) names.push_back({Name::Kind::email, text_of(base->d.rfc822Name)});
    if (base->type == GEN_URI) names.push_back({Name::Kind::uri, text_of(base->d.uniformResourceIdentifier)});
    if (base->type == GEN_IPADD) names.push_back({Name::Kind::ip, range_text(text_of(base->d.iPAddress))});
  }
  return names;
}

std::vector<LogPromise> log_promises(const STACK_OF(SCT) & list) {
  std::vector<LogPromise> promises;
  for (int i = 0; i < sk_SCT_num(&list); ++i) {
    const SCT* one = sk_SCT_value(&list, i);
    unsigned char* log = nullptr;
    unsigned char* signature = nullptr;
    const auto log_size = SCT_get0_log_id(one, &log);
    const auto size = SCT_get0_signature(one, &signature);
    promises.push_back({static_cast<int>(SCT_get_version(one)),
                        {reinterpret_cast<char*>(log), log_size},
                        SCT_get_timestamp(one),
                        SCT_get_signature_nid(one) == NID_ecdsa_with_SHA256,
                        {reinterpret_cast<char*>(signature), size}});
  }
  return promises;
}

std::vector<std::string> of_kind(const std::vector<Name>& names, Name::Kind kind) {
  std::vector<std::string> values;
  for (const auto& name : names)
    if (name.kind == kind) values.push_back(name.value);
  return values;
}

}  // namespace everleaf
