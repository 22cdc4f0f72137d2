// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/request_template.hpp"

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/template/template.hpp>

namespace everleaf::cli {
namespace {

using templates::List;
using templates::Map;
using templates::Record;
using templates::Value;

Value nil_list(const std::string& type) { return Value(List{.type = type, .is_nil = true}); }

Value subject_record(const std::string& common_name) {
  const auto several = [](const std::string& name, const std::string& json_name) {
    return Record::Field{name, json_name, true, nil_list("x509util.MultiString")};
  };
  return Value(Record{"x509util.Subject",
                      {several("Country", "country"),
                       several("Organization", "organization"),
                       several("OrganizationalUnit", "organizationalUnit"),
                       several("Locality", "locality"),
                       several("Province", "province"),
                       several("StreetAddress", "streetAddress"),
                       several("PostalCode", "postalCode"),
                       {"SerialNumber", "serialNumber", true, Value(std::string())},
                       {"CommonName", "commonName", true, Value(common_name)},
                       {"ExtraNames", "extraNames", true, nil_list("[]x509util.DistinguishedName")}}});
}

// The names in the order of x509util/utils.go, CreateSANs.
Value list_of_names(const std::vector<std::string>& texts) {
  constexpr std::array<std::pair<Name::Kind, const char*>, 4> kinds{
      {{Name::Kind::dns, "dns"}, {Name::Kind::ip, "ip"}, {Name::Kind::email, "email"}, {Name::Kind::uri, "uri"}}};
  const auto names = classify_all(texts);
  List list{.type = "[]x509util.SubjectAlternativeName"};
  for (const auto& [kind, type] : kinds)
    for (const auto& name : names) {
      if (name.kind != kind || name.value.empty()) continue;
      if (kind == Name::Kind::uri && !is_plain_uri(name.value))
        throw Error(ErrorKind::usage, "a URI that is not supported with --template: " + escape(name.value));
      list.items.emplace_back(Record{"x509util.SubjectAlternativeName",
                                     {{"Type", "type", false, Value(std::string(type))},
                                      {"Value", "value", false, Value(name.value)},
                                      {"ASN1Value", "asn1Value", true, nil_list("json.RawMessage")}}});
    }
  return Value(std::move(list));
}

Value public_key_record(const PrivateKey& key) {
  const auto kind = key.public_key().description();
  const auto* type = kind.starts_with("RSA")     ? "*rsa.PublicKey"
                     : kind.starts_with("ECDSA") ? "*ecdsa.PublicKey"
                                                 : "ed25519.PublicKey";
  return Value(Record{.type = type, .has_all_fields = false});
}

// Before the template is filled a request has nothing but its key.
Value request_record(const PrivateKey& key) {
  return Value(Record{"*x509util.CertificateRequest",
                      {{"Version", "version", false, Value(std::int64_t{0})},
                       {"Subject", "subject", false, subject_record("")},
                       {"RawSubject", "rawSubject", false, nil_list("[]uint8")},
                       {"DNSNames", "dnsNames", false, nil_list("x509util.MultiString")},
                       {"EmailAddresses", "emailAddresses", false, nil_list("x509util.MultiString")},
                       {"IPAddresses", "ipAddresses", false, nil_list("x509util.MultiIP")},
                       {"URIs", "uris", false, nil_list("x509util.MultiURL")},
                       {"SANs", "sans", false, nil_list("[]x509util.SubjectAlternativeName")},
                       {"Extensions", "extensions", false, nil_list("[]x509util.Extension")},
                       {"PublicKey", "", false, public_key_record(key)}},
                      false});
}

Value template_data(std::map<std::string, Value> entries) {
  return Value(Map{"x509util.TemplateData",
                   std::move(entries),
                   {"Set", "SetInsecure", "SetSubject", "SetCommonName", "SetSANs", "SetSubjectAlternativeNames",
                    "SetToken", "SetUserData", "SetAuthorizationCertificate", "SetAuthorizationCertificateChain",
                    "SetCertificateRequest", "SetWebhook"}});
}

}  // namespace

void TemplateOptions::add_to(CLI::App& command) {
  command.add_option("--template", file, "what the request asks for: JSON, in a part of Go's template language")
      ->type_name("FILE");
  given.add_to(command);
}

RequestContents TemplateOptions::contents(const std::string& subject, const std::vector<std::string>& names,
                                          const PrivateKey& key, const Value& values) const {
  const auto text = read_input(file);
  if (text.empty())  // step would take its own instead
    throw Error(ErrorKind::malformed, file + " is empty", "a request without a template needs no --template");
  const auto insecure = template_data({{"CR", request_record(key)}, {"User", values}});
  const auto data =
      template_data({{"Subject", subject_record(subject)}, {"SANs", list_of_names(names)}, {"Insecure", insecure}});
  const auto json = templates::fill(text, data, file);
  return RequestContents::from_json(json, "what " + file + " writes");
}

}  // namespace everleaf::cli
