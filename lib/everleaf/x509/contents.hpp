// SPDX-License-Identifier: Apache-2.0
// What there is to show of a certificate or request, read out of OpenSSL once for all forms. Private to x509/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <everleaf/x509/names.hpp>

namespace everleaf {

struct Attribute {
  std::string oid;
  std::string label;  // "CN", "O", ...; empty: nobody knows it
  std::string value;
};
std::vector<Attribute> attributes_of(const X509_NAME* name);

// "ECDSA-SHA256", "SHA256-RSA", "Ed25519": Go's names, since step shows them.
std::string signature_algorithm_name(const X509_ALGOR* algorithm);
std::string dotted_oid(const ASN1_OBJECT* object);

// The numbers of a public key, big-endian.
struct KeyNumbers {
  std::string kind;   // "RSA", "ECDSA", "Ed25519", or OpenSSL's name
  int bits = 0;       // of the modulus or the curve
  std::string curve;  // "P-256"
  std::string modulus;
  std::string exponent;
  std::string x;
  std::string y;
  std::string raw;  // Ed25519's 32 bytes; the uncompressed point of a curve
};
KeyNumbers numbers_of(const EVP_PKEY* key);

// Bit 0 is digitalSignature, as RFC 5280 (section 4.2.1.3) counts.
unsigned key_usage_bits(const ASN1_BIT_STRING* usage);

struct Urls {
  std::vector<std::string> ocsp;
  std::vector<std::string> issuers;
};
Urls access_urls(const AUTHORITY_INFO_ACCESS* access);
std::vector<std::string> distribution_urls(const CRL_DIST_POINTS* points);

std::string in_base64(std::string_view bytes);

// Those that are DNS names, e-mail addresses, URIs or ranges of addresses ("10.0.0.0/8").
std::vector<Name> names_of(const STACK_OF(GENERAL_SUBTREE) * subtrees);

// What a log of Certificate Transparency promised (RFC 6962, section 3.2).
struct LogPromise {
  int version;  // 0 is v1; of others only this is known
  std::string log;
  std::uint64_t milliseconds;  // since 1970
  bool is_by_ecdsa;            // else by RSA: there is nothing else (section 2.1.4)
  std::string signature;
};
std::vector<LogPromise> log_promises(const STACK_OF(SCT) & list);

// Those of `names` that are of this kind.
std::vector<std::string> of_kind(const std::vector<Name>& names, Name::Kind kind);

}  // namespace everleaf
