// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/describe.hpp>

#include <algorithm>
#include <ctime>

#include <everleaf/x509/contents.hpp>
#include <everleaf/x509/digest.hpp>

namespace everleaf {
namespace {

constexpr std::size_t most_shown = 2000;  // bytes of one value of somebody else's

std::string indented(std::size_t columns, const std::string& line) { return std::string(columns, ' ') + line + "\n"; }

std::string join(const std::vector<std::string>& values, const std::string& separator, const std::string& prefix = "") {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + prefix + escape(value, most_shown);
  return text;
}

// "ab:cd", `in_a_line` bytes a line, each line after a line feed and `columns` spaces; all in one line if that is 0.
std::string in_pairs(std::string_view bytes, const char* digits, std::size_t in_a_line = 0, std::size_t columns = 0) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (in_a_line != 0 && i % in_a_line == 0) text += "\n" + std::string(columns, ' ');
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += {digits[byte >> 4], digits[byte & 15]};
    if (i + 1 != bytes.size()) text += ':';
  }
  return text;
}

constexpr auto lower = "0123456789abcdef";
constexpr auto upper = "0123456789ABCDEF";

std::string show_name(const X509_NAME* name) {
  std::vector<std::string> parts;
  for (const auto& [oid, label, value] : attributes_of(name))
    parts.push_back(label.empty() ? "UnknownOID=" + oid : label + "=" + value);
  return join(parts, ",");
}

std::string show_time(const std::tm& fields, const std::string& fraction = "") {
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%b ", &fields);
  std::string result = text.data() + std::to_string(fields.tm_mday);
  std::strftime(text.data(), text.size(), (" %H:%M:%S" + fraction + " %Y UTC").c_str(), &fields);
  return result + text.data();
}

std::string show_time(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) throw Error(ErrorKind::malformed, "unreadable time in a certificate");
  return show_time(fields);
}

std::string show_key(const EVP_PKEY* native) {
  const auto key = numbers_of(native);
  const auto bits = key.kind == "Ed25519" ? key.raw.size() : static_cast<std::size_t>(key.bits);
  std::string text = indented(8, "Subject Public Key Info:") + indented(12, "Public Key Algorithm: " + key.kind) +
                     std::string(16, ' ') + "Public-Key: (" + std::to_string(bits) + " bit)";
  if (key.kind == "Ed25519") return text + in_pairs(key.raw, lower, 15, 20) + "\n";
  text += "\n";
  if (key.kind == "RSA") {
    text += indented(16, "Modulus:" + in_pairs(key.modulus, lower, 15, 20));
    unsigned long exponent = 0;
    for (const char byte : key.exponent) exponent = exponent << 8 | static_cast<unsigned char>(byte);
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "Exponent: %lu (%#lx)", exponent, exponent);
    text += indented(16, line.data());
  } else if (key.kind == "ECDSA") {
    text += indented(16, "X:" + in_pairs(key.x, lower, 15, 20)) + indented(16, "Y:" + in_pairs(key.y, lower, 15, 20));
    text += indented(16, "Curve: " + key.curve);
  }
  return text;
}

std::string show_signature(const X509_ALGOR* algorithm, const ASN1_BIT_STRING* signature) {
  const std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(signature)),
                          static_cast<std::size_t>(ASN1_STRING_length(signature)));
  return indented(4, "Signature Algorithm: " + signature_algorithm_name(algorithm) + in_pairs(bytes, lower, 18, 9));
}

std::string show_subject(const X509_NAME* subject) {
  const auto shown = show_name(subject);
  return indented(8, shown.empty() ? "Subject:" : "Subject: " + shown);
}

std::string show_key_usage(const ASN1_BIT_STRING& usage) {
  static constexpr std::array words{"Digital Signature", "Content Commitment", "Key Encipherment",
                                    "Data Encipherment", "Key Agreement",      "Certificate Sign",
                                    "CRL Sign",          "Encipher Only",      "Decipher Only"};
  std::vector<std::string> usages;
  for (unsigned i = 0; i < words.size(); ++i)
    if ((key_usage_bits(&usage) >> i & 1) != 0) usages.emplace_back(words[i]);
  return indented(16, usages.empty() ? "None" : join(usages, ", "));
}

std::string show_extended_key_usage(const EXTENDED_KEY_USAGE& usages) {
  static const std::vector<std::pair<std::string, std::string>> words{
      {"2.5.29.37.0", "Any Usage"},
      {"1.3.6.1.5.5.7.3.1", "Server Authentication"},
      {"1.3.6.1.5.5.7.3.2", "Client Authentication"},
      {"1.3.6.1.5.5.7.3.3", "Code Signing"},
      {"1.3.6.1.5.5.7.3.4", "E-mail Protection"},
      {"1.3.6.1.5.5.7.3.5", "IPSec End System"},
      {"1.3.6.1.5.5.7.3.6", "IPSec Tunnel"},
      {"1.3.6.1.5.5.7.3.7", "IPSec User"},
      {"1.3.6.1.5.5.7.3.8", "Time Stamping"},
      {"1.3.6.1.5.5.7.3.9", "OCSP Signing"},
  };
  std::vector<std::string> shown;
  std::vector<std::string> unknown;  // stand last, as with step
  for (int i = 0; i < sk_ASN1_OBJECT_num(&usages); ++i) {
    const auto oid = dotted_oid(sk_ASN1_OBJECT_value(&usages, i));
    const auto known = std::find_if(words.begin(), words.end(), [&](const auto& entry) { return entry.first == oid; });
    known == words.end() ? unknown.push_back(oid) : shown.push_back(known->second);
  }
  shown.insert(shown.end(), unknown.begin(), unknown.end());
  return indented(16, join(shown, ", "));
}

// "UPN" is what Active Directory calls a user.
std::string show_other_name(const OTHERNAME& name) {
  const auto oid = dotted_oid(name.type_id);
  if (oid == "1.3.6.1.4.1.311.20.2.3" && name.value->type == V_ASN1_UTF8STRING)
    return "UPN: " + escape(text_of(name.value->value.utf8string), most_shown);
  return "OtherName: Type: " + oid + ", Value: 0x" + escape(hex(to_der(i2d_ASN1_TYPE, name.value)), most_shown);
}

std::string show_alternative_names(const GENERAL_NAMES& general) {
  const auto names = to_names(&general);
  std::string text;
  for (const auto& [kind, label] : {std::pair{Name::Kind::dns, "DNS:"}, std::pair{Name::Kind::email, "email:"},
                                    std::pair{Name::Kind::ip, "IP Address:"}, std::pair{Name::Kind::uri, "URI:"}})
    if (const auto values = of_kind(names, kind); !values.empty()) text += indented(16, join(values, ", ", label));
  for (int i = 0; i < sk_GENERAL_NAME_num(&general); ++i)
    if (const auto* name = sk_GENERAL_NAME_value(&general, i); name->type == GEN_OTHERNAME)
      text += indented(16, show_other_name(*name->d.otherName));
  return text;
}

std::string show_basic_constraints(const BASIC_CONSTRAINTS& constraints) {
  std::string text = constraints.ca != 0 ? "CA:TRUE" : "CA:FALSE";
  if (constraints.pathlen != nullptr) text += ", pathlen:" + std::to_string(ASN1_INTEGER_get(constraints.pathlen));
  return indented(16, text);
}

std::string show_subtrees(const char* label, const STACK_OF(GENERAL_SUBTREE) * subtrees) {
  const auto names = names_of(subtrees);
  const auto count = static_cast<std::size_t>(std::max(sk_GENERAL_SUBTREE_num(subtrees), 0));
  std::string text = count == 0 ? "" : indented(16, label);
  for (const auto& [kind, title] : {std::pair{Name::Kind::dns, "DNS: "}, std::pair{Name::Kind::email, "Email: "},
                                    std::pair{Name::Kind::uri, "URI: "}, std::pair{Name::Kind::ip, "IP Range: "}})
    if (const auto values = of_kind(names, kind); !values.empty()) text += indented(18, title + join(values, ", "));
  return names.size() == count ? text : text + indented(18, "names of another kind");
}

std::string show_name_constraints(const NAME_CONSTRAINTS& constraints) {
  return show_subtrees("Permitted:", constraints.permittedSubtrees) +
         show_subtrees("Excluded:", constraints.excludedSubtrees);
}

std::string show_access(const AUTHORITY_INFO_ACCESS& access) {
  const auto urls = access_urls(&access);
  std::string text;
  if (!urls.ocsp.empty()) text += indented(16, "OCSP - " + join(urls.ocsp, ",", "URI:"));
  if (!urls.issuers.empty()) text += indented(16, "CA Issuers - " + join(urls.issuers, ",", "URI:"));
  return text;
}

std::string show_distribution_points(const CRL_DIST_POINTS& points) {
  const auto urls = distribution_urls(&points);
  return urls.empty() ? "" : indented(16, "Full Name:") + indented(18, join(urls, ", ", "URI:"));
}

std::string show_policies(const CERTIFICATEPOLICIES& policies) {
  std::string text;
  for (int i = 0; i < sk_POLICYINFO_num(&policies); ++i)
    text += indented(16, "Policy: " + dotted_oid(sk_POLICYINFO_value(&policies, i)->policyid));
  return text;
}

std::string show_log_time(std::uint64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  return show_time(fields, "." + std::to_string(milliseconds % 1000 + 1000).substr(1));
}

std::string show_log_promises(const STACK_OF(SCT) & list) {
  std::string text;
  int index = 0;
  for (const auto& one : log_promises(list))
    text += indented(16, "SCT [" + std::to_string(index++) + "]:") +
            indented(20, "Version: V" + std::to_string(one.version + 1) + " (0x" + std::to_string(one.version) + ")") +
            indented(20, "LogID: " + in_base64(one.log)) +
            indented(20, "Timestamp: " + show_log_time(one.milliseconds)) +
            indented(20, std::string("Signature Algorithm: SHA256-") + (one.is_by_ecdsa ? "ECDSA" : "RSA") +
                             in_pairs(one.signature, lower, 18, 22));
  return text;
}

std::string show_subject_key_id(const ASN1_OCTET_STRING& id) { return indented(16, in_pairs(text_of(&id), upper)); }

std::string show_authority_key_id(const AUTHORITY_KEYID& id) {
  return id.keyid == nullptr ? "\n" : show_subject_key_id(*id.keyid);
}

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '.');
  return text;
}

// Reads the extension as a T and shows that; nothing if it is damaged.
template <typename T, auto free_function, typename Show>
std::optional<std::string> decoded(X509_EXTENSION* extension, Show show) {
  const std::unique_ptr<T, Free<free_function>> value(static_cast<T*>(X509V3_EXT_d2i(extension)));
  ERR_clear_error();
  if (!value) return std::nullopt;
  return show(*value);
}

struct Shown {
  std::string title;
  std::optional<std::string> body;
};

Shown show_known(X509_EXTENSION* extension) {
  switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
    case NID_subject_key_identifier:
      return {"X509v3 Subject Key Identifier",
              decoded<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>(extension, show_subject_key_id)};
    case NID_key_usage:
      return {"X509v3 Key Usage", decoded<ASN1_BIT_STRING, ASN1_BIT_STRING_free>(extension, show_key_usage)};
    case NID_subject_alt_name:
      return {"X509v3 Subject Alternative Name",
              decoded<GENERAL_NAMES, GENERAL_NAMES_free>(extension, show_alternative_names)};
    case NID_basic_constraints:
      return {"X509v3 Basic Constraints",
              decoded<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>(extension, show_basic_constraints)};
    case NID_name_constraints:
      return {"X509v3 Name Constraints",
              decoded<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>(extension, show_name_constraints)};
    case NID_crl_distribution_points:
      return {"X509v3 CRL Distribution Points",
              decoded<CRL_DIST_POINTS, CRL_DIST_POINTS_free>(extension, show_distribution_points)};
    case NID_certificate_policies:
      return {"X509v3 Certificate Policies",
              decoded<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>(extension, show_policies)};
    case NID_authority_key_identifier:
      return {"X509v3 Authority Key Identifier",
              decoded<AUTHORITY_KEYID, AUTHORITY_KEYID_free>(extension, show_authority_key_id)};
    case NID_ext_key_usage:
      return {"X509v3 Extended Key Usage",
              decoded<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>(extension, show_extended_key_usage)};
    case NID_info_access:
      return {"Authority Information Access",
              decoded<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free>(extension, show_access)};
    case NID_ct_precert_scts:
      return {"RFC6962 Certificate Transparency SCT",
              decoded<STACK_OF(SCT), SCT_LIST_free>(extension, show_log_promises)};
    case NID_netscape_comment:
      return {"Netscape Comment",
              decoded<ASN1_IA5STRING, ASN1_IA5STRING_free>(extension, [](const ASN1_IA5STRING& comment) {
                return indented(16, escape(text_of(&comment), most_shown));
              })};
    default: return {};
  }
}

std::string show_provisioner(const ProvisionerExtension& provisioner) {
  std::string text =
      indented(16, "Type: " + escape(provisioner.type)) + indented(16, "Name: " + escape(provisioner.name));
  if (!provisioner.credential_id.empty()) text += indented(16, "CredentialID: " + escape(provisioner.credential_id));
  return text;
}

std::string show_extension(X509_EXTENSION* extension, const std::optional<ProvisionerExtension>& provisioner) {
  auto [title, body] = show_known(extension);
  const auto oid = dotted_oid(X509_EXTENSION_get_object(extension));
  if (oid == step_provisioner_oid && provisioner) {
    title = "X509v3 Step Provisioner";
    body = show_provisioner(*provisioner);
  }
  if (!body) {
    title = oid;
    body = indented(16, printable(text_of(X509_EXTENSION_get_data(extension))));
  }
  return indented(12, title + (X509_EXTENSION_get_critical(extension) != 0 ? ": critical" : ":")) + *body;
}

}  // namespace

std::string describe(const Certificate& certificate) {
  X509* native = certificate.native();
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, &algorithm, native);
  const auto version = X509_get_version(native) + 1;
  std::string text =
      "Certificate:\n" + indented(4, "Data:") +
      indented(8, "Version: " + std::to_string(version) + " (0x" + std::to_string(version - 1) + ")") +
      indented(8, "Serial Number: " + certificate.serial_decimal() + " (0x" + certificate.serial_hex() + ")") +
      indented(8, "Signature Algorithm: " + signature_algorithm_name(algorithm)) +
      indented(8, "Issuer: " + show_name(X509_get_issuer_name(native))) + indented(8, "Validity") +
      indented(12, "Not Before: " + show_time(X509_get0_notBefore(native))) +
      indented(12, "Not After : " + show_time(X509_get0_notAfter(native))) +
      show_subject(X509_get_subject_name(native)) + show_key(certificate.public_key().native());
  if (X509_get_ext_count(native) > 0) text += indented(8, "X509v3 extensions:");
  for (int i = 0; i < X509_get_ext_count(native); ++i)
    text += show_extension(X509_get_ext(native, i), certificate.provisioner());
  return text + show_signature(algorithm, signature);
}

std::string describe(const CertificateRequest& request) {
  X509_REQ* native = request.native();
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_REQ_get0_signature(native, &signature, &algorithm);
  std::string text = "Certificate Request:\n" + indented(4, "Data:") + indented(8, "Version: 0 (0x0)") +
                     show_subject(X509_REQ_get_subject_name(native)) + show_key(request.public_key().native());
  const auto extensions = extensions_of(native);
  if (sk_X509_EXTENSION_num(extensions.get()) > 0) text += indented(8, "Requested Extensions:");
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i)
    text += show_extension(sk_X509_EXTENSION_value(extensions.get(), i), std::nullopt);
  return text + show_signature(algorithm, signature);
}

}  // namespace everleaf
