// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate.hpp>

#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

std::string common_name_of(X509_NAME* name) {
  int last = -1;
  for (int next = -1; (next = X509_NAME_get_index_by_NID(name, NID_commonName, next)) >= 0;) last = next;
  if (last < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

Time to_time(const ASN1_TIME* time, const char* what) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) throw Error(ErrorKind::malformed, std::string("unreadable ") + what);
  return Time(std::chrono::seconds(timegm(&fields)));
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// Both forms of an address in network order: 4 or 16 bytes (RFC 5280, section 4.2.1.6).
std::string ip_text(const ASN1_OCTET_STRING* address) {
  char* text = nullptr;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const auto bytes = text_of(address);
  if (bytes.size() == 4) {
    BIO_printf(bio.get(), "%d.%d.%d.%d", bytes[0] & 255, bytes[1] & 255, bytes[2] & 255, bytes[3] & 255);
  } else {
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
      BIO_printf(bio.get(), "%s%x", i == 0 ? "" : ":", (bytes[i] & 255) << 8 | (bytes[i + 1] & 255));
  }
  const long size = BIO_get_mem_data(bio.get(), &text);
  return Name::classify(std::string_view(text, static_cast<std::size_t>(size))).value;
}

std::optional<Name> to_name(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS: return Name{Name::Kind::dns, text_of(name.d.dNSName)};
    case GEN_EMAIL: return Name{Name::Kind::email, text_of(name.d.rfc822Name)};
    case GEN_URI: return Name{Name::Kind::uri, text_of(name.d.uniformResourceIdentifier)};
    case GEN_IPADD: return Name{Name::Kind::ip, ip_text(name.d.iPAddress)};
    default: return std::nullopt;
  }
}

std::string number_text(const ASN1_INTEGER* serial, char* (*format)(const BIGNUM*)) {
  const BignumPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* text = format(number.get());
  std::string result = text;
  OPENSSL_free(text);
  return result;
}

// Without it, OpenSSL asks the terminal for the password of whatever a stranger marked as encrypted.
int refuse_password(char*, int, int, void*) { return -1; }

constexpr std::array<std::string_view, 12> provisioner_types{"",     "JWK", "OIDC",  "GCP",    "AWS",  "Azure",
                                                             "ACME", "X5C", "K8sSA", "SSHPOP", "SCEP", "Nebula"};

// Reads one DER element of type `tag` (or of any type if negative) from the front of `der`.
std::optional<std::string_view> take_element(std::string_view& der, int tag) {
  const auto* start = reinterpret_cast<const unsigned char*>(der.data());
  const auto* content = start;
  long size = 0;
  int found_tag = 0;
  int tag_class = 0;
  const int result = ASN1_get_object(&content, &size, &found_tag, &tag_class, static_cast<long>(der.size()));
  if ((result & 0x81) != 0 || found_tag != tag) {  // 0x80: error, 1: indefinite length
    ERR_clear_error();
    return std::nullopt;
  }
  const std::string_view value(reinterpret_cast<const char*>(content), static_cast<std::size_t>(size));
  der.remove_prefix(static_cast<std::size_t>(content - start + size));
  return value;
}

std::optional<ProvisionerExtension> parse_provisioner(std::string_view der) {
  auto sequence = take_element(der, V_ASN1_SEQUENCE);
  if (!sequence) return std::nullopt;
  const auto type = take_element(*sequence, V_ASN1_INTEGER);
  const auto name = take_element(*sequence, V_ASN1_OCTET_STRING);
  const auto credential = take_element(*sequence, V_ASN1_OCTET_STRING);
  if (!type || type->size() != 1 || !name || !credential) return std::nullopt;
  const auto number = static_cast<std::size_t>(static_cast<unsigned char>((*type)[0]));
  return ProvisionerExtension{
      std::string(number < provisioner_types.size() ? provisioner_types[number] : std::to_string(number)),
      std::string(*name), std::string(*credential)};
}

}  // namespace

Certificate Certificate::from_pem(std::string_view pem, const std::string& source) {
  const auto bio = read_bio(pem);
  std::shared_ptr<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr), X509_free);
  ERR_clear_error();
  if (!certificate) throw Error(ErrorKind::malformed, source + " is not a certificate in PEM");
  return Certificate(std::move(certificate));
}

Certificate Certificate::from_der(std::string_view der, const std::string& source) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  std::shared_ptr<X509> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())), X509_free);
  ERR_clear_error();
  if (!certificate || bytes != end) throw Error(ErrorKind::malformed, source + " is not a certificate in DER");
  return Certificate(std::move(certificate));
}

Certificate Certificate::from_native(x509_st* native) {
  X509_up_ref(native);
  return Certificate(std::shared_ptr<X509>(native, X509_free));
}

std::string Certificate::to_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(bio.get(), native()) == 1, "cannot encode a certificate");
  return contents(bio.get());
}

std::string Certificate::to_der() const { return everleaf::to_der(i2d_X509, native()); }

Validity Certificate::validity() const {
  return {to_time(X509_get0_notBefore(native()), "notBefore"), to_time(X509_get0_notAfter(native()), "notAfter")};
}

Fingerprint Certificate::fingerprint() const {
  Fingerprint::Bytes bytes{};
  require(X509_digest(native(), EVP_sha256(), bytes.data(), nullptr) == 1, "cannot hash a certificate");
  return Fingerprint(bytes);
}

std::string Certificate::serial_decimal() const { return number_text(X509_get0_serialNumber(native()), BN_bn2dec); }

std::string Certificate::serial_hex() const {
  auto text = number_text(X509_get0_serialNumber(native()), BN_bn2hex);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text == "0" ? "00" : text;
}

std::string Certificate::common_name() const { return common_name_of(X509_get_subject_name(native())); }

std::string Certificate::issuer_common_name() const { return common_name_of(X509_get_issuer_name(native())); }

std::vector<Name> Certificate::names() const {
  const GeneralNamesPtr general(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(native(), NID_subject_alt_name, nullptr, nullptr)));
  std::vector<Name> names;
  for (int i = 0; i < sk_GENERAL_NAME_num(general.get()); ++i)
    if (auto name = to_name(*sk_GENERAL_NAME_value(general.get(), i))) names.push_back(std::move(*name));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Certificate::extended_key_usages() const {
  const std::unique_ptr<EXTENDED_KEY_USAGE, Free<EXTENDED_KEY_USAGE_free>> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(native(), NID_ext_key_usage, nullptr, nullptr)));
  std::vector<std::string> oids;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    std::array<char, 128> text{};
    OBJ_obj2txt(text.data(), text.size(), sk_ASN1_OBJECT_value(usages.get(), i), 1);
    oids.emplace_back(text.data());
  }
  std::sort(oids.begin(), oids.end());
  return oids;
}

bool Certificate::is_authority() const { return X509_check_ca(native()) == 1; }

bool Certificate::is_self_issued() const {
  return X509_NAME_cmp(X509_get_subject_name(native()), X509_get_issuer_name(native())) == 0;
}

bool Certificate::may_be_issued_by(const Certificate& issuer) const {
  return X509_check_issued(issuer.native(), native()) == X509_V_OK;
}

bool Certificate::is_for(const PrivateKey& key) const {
  const bool fits = X509_check_private_key(native(), key.native()) == 1;
  ERR_clear_error();
  return fits;
}

std::string Certificate::key_description() const {
  EVP_PKEY* key = X509_get0_pubkey(native());
  if (key == nullptr) return "unknown key";
  if (const auto curve = curve_name(key); !curve.empty()) return "ECDSA " + curve;
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return "Ed25519 256";
  return std::string(EVP_PKEY_get0_type_name(key)) + " " + std::to_string(EVP_PKEY_get_bits(key));
}

std::optional<ProvisionerExtension> Certificate::provisioner() const {
  for (int i = 0; i < X509_get_ext_count(native()); ++i) {
    X509_EXTENSION* extension = X509_get_ext(native(), i);
    std::array<char, 128> oid{};
    OBJ_obj2txt(oid.data(), oid.size(), X509_EXTENSION_get_object(extension), 1);
    if (std::string_view(oid.data()) == "1.3.6.1.4.1.37476.9000.64.1")
      return parse_provisioner(text_of(X509_EXTENSION_get_data(extension)));
  }
  return std::nullopt;
}

std::vector<Certificate> parse_certificates(std::string_view pem, const std::string& source) {
  static constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
  std::vector<Certificate> certificates;
  for (auto at = pem.find(begin); at != std::string_view::npos; at = pem.find(begin, at + begin.size()))
    certificates.push_back(Certificate::from_pem(pem.substr(at), source));
  if (certificates.empty()) throw Error(ErrorKind::malformed, source + " holds no certificate in PEM");
  return certificates;
}

std::string to_pem(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += certificate.to_pem();
  return text;
}

}  // namespace everleaf
