// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include <everleaf/x509/contents.hpp>
#include <everleaf/x509/describe.hpp>
#include <everleaf/x509/digest.hpp>

namespace everleaf {
namespace {

using Json = nlohmann::ordered_json;

struct AttributeType {
  std::string oid;
  std::string label;
  std::string member;  // empty: stands in the distinguished name only
};

// What zcrypto calls them; in part other words than step's text has.
const AttributeType* find_type(const std::string& oid) {
  static const std::vector<AttributeType> all{
      {"2.5.4.3", "CN", "common_name"},
      {"2.5.4.4", "SN", "surname"},
      {"2.5.4.5", "serialNumber", "serial_number"},
      {"2.5.4.6", "C", "country"},
      {"2.5.4.7", "L", "locality"},
      {"2.5.4.8", "ST", "province"},
      {"2.5.4.9", "street", "street_address"},
      {"2.5.4.10", "O", "organization"},
      {"2.5.4.11", "OU", "organizational_unit"},
      {"2.5.4.12", "title", ""},
      {"2.5.4.15", "businessCategory", ""},
      {"2.5.4.17", "postalCode", "postal_code"},
      {"2.5.4.42", "GN", "given_name"},
      {"2.5.4.46", "dnQualifier", ""},
      {"2.5.4.65", "pseudonym", ""},
      {"0.9.2342.19200300.100.1.1", "UID", ""},
      {"0.9.2342.19200300.100.1.25", "DC", "domain_component"},
      {"1.2.840.113549.1.9.1", "emailAddress", "email_address"},
      {"1.2.840.113549.1.9.2", "unstructuredName", ""},
      {"1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocality", "jurisdiction_locality"},
      {"1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvince", "jurisdiction_province"},
      {"1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountry", "jurisdiction_country"},
  };
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.oid == oid; });
  return found == all.end() ? nullptr : &*found;
}

Json name_in_json(const X509_NAME* name) {
  Json json = Json::object();
  for (const auto& [oid, label, value] : attributes_of(name))
    if (const auto* type = find_type(oid); type != nullptr && !type->member.empty())
      json[type->member].push_back(value);
  return json;
}

std::string distinguished_name(const X509_NAME* name) {
  std::string text;
  for (const auto& [oid, label, value] : attributes_of(name)) {
    const auto* type = find_type(oid);
    text += (text.empty() ? "" : ", ") + (type == nullptr ? oid : type->label) + "=" + value;
  }
  return text;
}

Json algorithm_in_json(const X509_ALGOR* algorithm) {
  return {{"name", signature_algorithm_name(algorithm)}, {"oid", dotted_oid(algorithm->algorithm)}};
}

Json curve_in_json(const KeyNumbers& key) {
  return {{"curve", key.curve},
          {"length", key.bits},
          {"pub", in_base64(key.raw)},
          {"x", in_base64(key.x)},
          {"y", in_base64(key.y)}};
}

Json key_in_json(const EVP_PKEY* native, const std::string& spki) {
  const auto key = numbers_of(native);
  Json json{{"key_algorithm", {{"name", key.kind}}}};
  if (key.kind == "ECDSA") json["ecdsa_public_key"] = curve_in_json(key);
  if (key.kind == "RSA") {
    unsigned long exponent = 0;
    for (const char byte : key.exponent) exponent = exponent << 8 | static_cast<unsigned char>(byte);
    json["rsa_public_key"] = {{"exponent", exponent}, {"modulus", in_base64(key.modulus)}, {"length", key.bits}};
  }
  json["fingerprint_sha256"] = hex(sha256(spki));
  return json;
}

Json names_in_json(const GENERAL_NAMES& general) {
  const auto names = to_names(&general);
  Json json = Json::object();
  for (const auto& [kind, member] :
       {std::pair{Name::Kind::dns, "dns_names"}, std::pair{Name::Kind::email, "email_addresses"},
        std::pair{Name::Kind::ip, "ip_addresses"}, std::pair{Name::Kind::uri, "uniform_resource_identifiers"}})
    if (const auto values = of_kind(names, kind); !values.empty()) json[member] = values;
  for (int i = 0; i < sk_GENERAL_NAME_num(&general); ++i) {
    const auto* name = sk_GENERAL_NAME_value(&general, i);
    if (name->type == GEN_DIRNAME) json["directory_names"].push_back(name_in_json(name->d.directoryName));
    if (name->type == GEN_RID) json["registered_ids"].push_back(dotted_oid(name->d.registeredID));
    if (name->type == GEN_OTHERNAME)
      json["other_names"].push_back({{"id", dotted_oid(name->d.otherName->type_id)},
                                     {"value", in_base64(to_der(i2d_ASN1_TYPE, name->d.otherName->value))}});
  }
  return json;
}

Json key_usage_in_json(const ASN1_BIT_STRING& usage) {
  static constexpr std::array words{"digital_signature", "content_commitment", "key_encipherment",
                                    "data_encipherment", "key_agreement",      "certificate_sign",
                                    "crl_sign",          "encipher_only",      "decipher_only"};
  const auto bits = key_usage_bits(&usage);
  Json json = Json::object();
  for (unsigned i = 0; i < words.size(); ++i)
    if ((bits >> i & 1) != 0) json[words[i]] = true;
  json["value"] = bits;
  return json;
}

Json basic_constraints_in_json(const BASIC_CONSTRAINTS& constraints) {
  Json json{{"is_ca", constraints.ca != 0}};
  if (constraints.pathlen != nullptr) json["max_path_len"] = ASN1_INTEGER_get(constraints.pathlen);
  return json;
}

Json extended_key_usage_in_json(const EXTENDED_KEY_USAGE& usages) {
  static const std::vector<std::pair<std::string, std::string>> members{
      {"2.5.29.37.0", "any"},
      {"1.3.6.1.5.5.7.3.1", "server_auth"},
      {"1.3.6.1.5.5.7.3.2", "client_auth"},
      {"1.3.6.1.5.5.7.3.3", "code_signing"},
      {"1.3.6.1.5.5.7.3.4", "email_protection"},
      {"1.3.6.1.5.5.7.3.5", "ipsec_end_system"},
      {"1.3.6.1.5.5.7.3.6", "ipsec_tunnel"},
      {"1.3.6.1.5.5.7.3.7", "ipsec_user"},
      {"1.3.6.1.5.5.7.3.8", "time_stamping"},
      {"1.3.6.1.5.5.7.3.9", "ocsp_signing"},
      {"1.3.6.1.5.5.7.3.10", "dvcs"},
      {"1.3.6.1.5.5.7.3.13", "eap_over_ppp"},
      {"1.3.6.1.5.5.7.3.14", "eap_over_lan"},
      {"1.3.6.1.4.1.311.10.3.4", "microsoft_encrypted_file_system"},
      {"1.3.6.1.4.1.311.10.3.12", "microsoft_document_signing"},
      {"1.3.6.1.4.1.311.20.2.1", "microsoft_enrollment_agent"},
      {"1.3.6.1.4.1.311.20.2.2", "microsoft_smartcard_logon"},
      {"1.3.6.1.4.1.311.61.1.1", "microsoft_kernel_mode_code_signing"},
  };
  Json json = Json::object();
  for (int i = 0; i < sk_ASN1_OBJECT_num(&usages); ++i) {
    const auto oid = dotted_oid(sk_ASN1_OBJECT_value(&usages, i));
    bool known = false;
    for (const auto& [number, member] : members)
      if (number == oid) json[member] = known = true;
    if (!known) json["unknown"].push_back(oid);
  }
  return json;
}

// Not what step calls "critical", which it says never is.
Json name_constraints_in_json(const NAME_CONSTRAINTS& constraints) {
  Json json = Json::object();
  const auto add = [&](const std::string& effect, const STACK_OF(GENERAL_SUBTREE) * subtrees) {
    const auto names = names_of(subtrees);
    for (const auto& name : of_kind(names, Name::Kind::dns)) json[effect + "_names"].push_back(name);
    for (const auto& name : of_kind(names, Name::Kind::email)) json[effect + "_email_addresses"].push_back(name);
    for (const auto& range : of_kind(names, Name::Kind::ip))
      json[effect + "_ip_addresses"].push_back({{"cidr", range}});
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); ++i)
      if (const auto* base = sk_GENERAL_SUBTREE_value(subtrees, i)->base; base->type == GEN_DIRNAME)
        json[effect + "_directory_names"].push_back(name_in_json(base->d.directoryName));
  };
  add("permitted", constraints.permittedSubtrees);
  add("excluded", constraints.excludedSubtrees);
  return json;
}

Json policies_in_json(const CERTIFICATEPOLICIES& policies) {
  Json json = Json::array();
  for (int i = 0; i < sk_POLICYINFO_num(&policies); ++i) {
    const auto* policy = sk_POLICYINFO_value(&policies, i);
    Json shown{{"id", dotted_oid(policy->policyid)}};
    for (int j = 0; j < sk_POLICYQUALINFO_num(policy->qualifiers); ++j)
      if (const auto* one = sk_POLICYQUALINFO_value(policy->qualifiers, j); OBJ_obj2nid(one->pqualid) == NID_id_qt_cps)
        shown["cps"].push_back(text_of(one->d.cpsuri));
    json.push_back(shown);
  }
  return json;
}

// Before its bytes a signature has its algorithms and length (RFC 5246, section 4.7).
Json log_promises_in_json(const STACK_OF(SCT) & list) {
  Json json = Json::array();
  for (const auto& one : log_promises(list)) {
    const auto size = one.signature.size();
    const std::string header{4, one.is_by_ecdsa ? '\3' : '\1', static_cast<char>(size >> 8), static_cast<char>(size)};
    json.push_back({{"version", one.version},
                    {"log_id", in_base64(one.log)},
                    {"timestamp", one.milliseconds / 1000},
                    {"signature", in_base64(header + one.signature)}});
  }
  return json;
}

Json access_in_json(const AUTHORITY_INFO_ACCESS& access) {
  const auto urls = access_urls(&access);
  Json json = Json::object();
  if (!urls.ocsp.empty()) json["ocsp_urls"] = urls.ocsp;
  if (!urls.issuers.empty()) json["issuer_urls"] = urls.issuers;
  return json;
}

// Puts the extension under its member if it is one of T's kind and not damaged; says whether it is now there.
template <typename T, auto free_function, typename Show>
bool take(Json& json, const char* member, X509_EXTENSION* extension, Show show) {
  const std::unique_ptr<T, Free<free_function>> value(static_cast<T*>(X509V3_EXT_d2i(extension)));
  ERR_clear_error();
  if (value) json[member] = show(*value);
  return value != nullptr;
}

bool take_known(Json& json, X509_EXTENSION* extension) {
  switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
    case NID_key_usage:
      return take<ASN1_BIT_STRING, ASN1_BIT_STRING_free>(json, "key_usage", extension, key_usage_in_json);
    case NID_basic_constraints:
      return take<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>(json, "basic_constraints", extension,
                                                             basic_constraints_in_json);
    case NID_subject_alt_name:
      return take<GENERAL_NAMES, GENERAL_NAMES_free>(json, "subject_alt_name", extension, names_in_json);
    case NID_crl_distribution_points:
      return take<CRL_DIST_POINTS, CRL_DIST_POINTS_free>(json, "crl_distribution_points", extension,
                                                         [](const auto& points) { return distribution_urls(&points); });
    case NID_authority_key_identifier:
      return take<AUTHORITY_KEYID, AUTHORITY_KEYID_free>(json, "authority_key_id", extension, [](const auto& id) {
        return id.keyid == nullptr ? std::string() : hex(text_of(id.keyid));
      });
    case NID_subject_key_identifier:
      return take<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>(json, "subject_key_id", extension,
                                                             [](const auto& id) { return hex(text_of(&id)); });
    case NID_ext_key_usage:
      return take<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>(json, "extended_key_usage", extension,
                                                               extended_key_usage_in_json);
    case NID_name_constraints:
      return take<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>(json, "name_constraints", extension,
                                                           name_constraints_in_json);
    case NID_certificate_policies:
      return take<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>(json, "certificate_policies", extension,
                                                                 policies_in_json);
    case NID_ct_precert_scts:
      return take<STACK_OF(SCT), SCT_LIST_free>(json, "signed_certificate_timestamps", extension, log_promises_in_json);
    case NID_info_access:
      return take<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free>(json, "authority_info_access", extension,
                                                                     access_in_json);
    default: return false;
  }
}

void add_extension(Json& json, X509_EXTENSION* extension, const std::optional<ProvisionerExtension>& provisioner) {
  const auto oid = dotted_oid(X509_EXTENSION_get_object(extension));
  if (oid == step_provisioner_oid && provisioner) {
    auto& shown = json["extensions"]["step_provisioner"];
    shown = {{"type", provisioner->type}, {"name", provisioner->name}};
    if (!provisioner->credential_id.empty()) shown["credentialID"] = provisioner->credential_id;
  } else if (!take_known(json["extensions"], extension)) {
    json["unknown_extensions"].push_back({{"id", oid},
                                          {"critical", X509_EXTENSION_get_critical(extension) != 0},
                                          {"value", in_base64(text_of(X509_EXTENSION_get_data(extension)))}});
  }
}

// What a server or client may be called by this certificate: the common name if it could be a host's, and the names.
// Not IPv6 addresses: zcrypto has none here.
std::vector<std::string> all_names(const Certificate& certificate) {
  std::vector<std::string> names;
  if (const auto name = certificate.common_name();
      name.find('.') != std::string::npos && name.find(' ') == std::string::npos)
    names.push_back(name);
  for (const auto& [kind, value] : certificate.names())
    if (kind != Name::Kind::email && (kind != Name::Kind::ip || value.find(':') == std::string::npos) &&
        std::find(names.begin(), names.end(), value) == names.end())
      names.push_back(value);
  return names;
}

Json in_json(const Certificate& certificate) {
  X509* native = certificate.native();
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, &algorithm, native);
  const auto validity = certificate.validity();
  const auto der = certificate.to_der();
  Json json{{"version", X509_get_version(native) + 1},
            {"serial_number", certificate.serial_decimal()},
            {"signature_algorithm", algorithm_in_json(algorithm)},
            {"issuer", name_in_json(X509_get_issuer_name(native))},
            {"issuer_dn", distinguished_name(X509_get_issuer_name(native))},
            {"validity",
             {{"start", format_time(validity.not_before)},
              {"end", format_time(validity.not_after)},
              {"length", validity.lifetime().count()}}},
            {"subject", name_in_json(X509_get_subject_name(native))},
            {"subject_dn", distinguished_name(X509_get_subject_name(native))},
            {"subject_key_info",
             key_in_json(certificate.public_key().native(), to_der(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(native)))}};
  json["extensions"] = Json::object();
  for (int i = 0; i < X509_get_ext_count(native); ++i)
    add_extension(json, X509_get_ext(native, i), certificate.provisioner());
  if (json["subject_dn"] == "") json.erase("subject_dn");
  json["signature"] = {{"signature_algorithm", algorithm_in_json(algorithm)},
                       {"value", in_base64(text_of(signature))},
                       {"self_signed", certificate.is_self_issued()}};
  json["fingerprint_md5"] = hex(md5(der));
  json["fingerprint_sha1"] = hex(sha1(der));
  json["fingerprint_sha256"] = hex(sha256(der));
  json["tbs_fingerprint"] = hex(sha256(to_der(i2d_re_X509_tbs, native)));
  if (const auto names = all_names(certificate); !names.empty()) json["names"] = names;
  return json;
}

// What is not UTF-8 in somebody else's certificate must not become an exception.
std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string describe_in_json(const std::vector<Certificate>& certificates) {
  if (certificates.size() == 1) return dump(in_json(certificates.front()));
  Json list = Json::array();
  for (const auto& certificate : certificates) list.push_back(in_json(certificate));
  return dump(list);
}

std::string describe_in_json(const CertificateRequest& request) {
  X509_REQ* native = request.native();
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_REQ_get0_signature(native, &signature, &algorithm);
  Json json{{"subject", name_in_json(X509_REQ_get_subject_name(native))},
            {"subject_dn", distinguished_name(X509_REQ_get_subject_name(native))},
            {"subject_key_info",
             key_in_json(request.public_key().native(), to_der(i2d_X509_PUBKEY, X509_REQ_get_X509_PUBKEY(native)))}};
  const auto extensions = extensions_of(native);
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions.get()); ++i)
    add_extension(json, sk_X509_EXTENSION_value(extensions.get(), i), std::nullopt);
  json["signature"] = {{"signature_algorithm", algorithm_in_json(algorithm)},
                       {"value", in_base64(text_of(signature))},
                       {"valid", request.has_valid_signature()}};
  json["fingerprint_sha256"] = request.fingerprint().hex();
  return dump(json);
}

}  // namespace everleaf
