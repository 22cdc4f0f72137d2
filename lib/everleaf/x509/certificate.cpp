// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate.hpp>

#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <list>
#include <mutex>

#include <everleaf/x509/digest.hpp>
#include <everleaf/x509/names.hpp>

namespace everleaf {
namespace {

Time to_time(const ASN1_TIME* time, const char* what) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) throw Error(ErrorKind::malformed, std::string("unreadable ") + what);
  return Time(std::chrono::seconds(timegm(&fields)));
}

std::string number_text(const ASN1_INTEGER* serial, char* (*format)(const BIGNUM*)) {
  const BignumPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* text = format(number.get());
  std::string result = text;
  OPENSSL_free(text);
  return result;
}

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

constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view pem_end = "-----END CERTIFICATE-----";

// The certificate at the front of `pem`, if it begins with one.
std::string_view block_at_front(std::string_view pem) {
  const auto end = pem.starts_with(pem_begin) ? pem.find(pem_end) : std::string_view::npos;
  return end == std::string_view::npos ? std::string_view() : pem.substr(0, end + pem_end.size());
}

// What was parsed last, newest first. OpenSSL 3.0 looks through all its decoders for the public key of each
// certificate, which takes half a millisecond: of 1000 renewals most would go into the same intermediate and root.
class RecentlyParsed {
 public:
  std::shared_ptr<X509> find(std::string_view block) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Entry& one) { return one.block == block; });
    if (found == all_.end()) return nullptr;
    all_.splice(all_.begin(), all_, found);
    return found->certificate;
  }

  void add(std::string_view block, const std::shared_ptr<X509>& certificate) {
    const std::lock_guard lock(mutex_);
    all_.push_front({std::string(block), certificate});
    if (all_.size() > most) all_.pop_back();
  }

 private:
  static constexpr std::size_t most = 128;
  struct Entry {
    std::string block;
    std::shared_ptr<X509> certificate;
  };
  std::mutex mutex_;
  std::list<Entry> all_;
};

RecentlyParsed& recently_parsed() {
  static RecentlyParsed all;
  return all;
}

}  // namespace

Certificate Certificate::from_pem(std::string_view pem, const std::string& source) {
  const auto block = block_at_front(pem);
  if (auto known = block.empty() ? nullptr : recently_parsed().find(block)) return Certificate(std::move(known));
  const auto bio = read_bio(pem);
  std::shared_ptr<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr), X509_free);
  ERR_clear_error();
  if (!certificate) throw Error(ErrorKind::malformed, source + " is not a certificate in PEM");
  if (!block.empty()) {
    X509_check_purpose(certificate.get(), -1, 0);  // reads the extensions: later, threads would race to do it
    recently_parsed().add(block, certificate);
  }
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

std::string Certificate::sha1_hex() const { return hex(sha1(to_der())); }

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
  auto names = to_names(general.get());
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

PublicKey Certificate::public_key() const { return PublicKey::from_native(X509_get0_pubkey(native())); }

std::optional<ProvisionerExtension> Certificate::provisioner() const {
  for (int i = 0; i < X509_get_ext_count(native()); ++i) {
    X509_EXTENSION* extension = X509_get_ext(native(), i);
    std::array<char, 128> oid{};
    OBJ_obj2txt(oid.data(), oid.size(), X509_EXTENSION_get_object(extension), 1);
    if (oid.data() == step_provisioner_oid) return parse_provisioner(text_of(X509_EXTENSION_get_data(extension)));
  }
  return std::nullopt;
}

std::vector<Certificate> parse_certificates(std::string_view pem, const std::string& source) {
  std::vector<Certificate> certificates;
  for (auto at = pem.find(pem_begin); at != std::string_view::npos; at = pem.find(pem_begin, at + pem_begin.size()))
    certificates.push_back(Certificate::from_pem(pem.substr(at), source));
  if (certificates.empty()) throw Error(ErrorKind::malformed, source + " holds no certificate in PEM");
  return certificates;
}

std::vector<Certificate> parse_certificates_or_der(std::string_view bytes, const std::string& source) {
  if (bytes.starts_with('\x30') && bytes.find(pem_begin) == std::string_view::npos)
    return {Certificate::from_der(bytes, source)};
  return parse_certificates(bytes, source);
}

std::string to_pem(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const auto& certificate : certificates) text += certificate.to_pem();
  return text;
}

}  // namespace everleaf
