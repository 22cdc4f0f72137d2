// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/request_contents.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <everleaf/json/json.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

// Where in the JSON something is wrong: "subject.country".
[[noreturn]] void object_to(const std::string& place, const std::string& what, std::string hint = {}) {
  throw Error(ErrorKind::malformed, place + " " + what, std::move(hint));
}

std::string lower_case(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

// An object of the JSON: Go finds a member in any case, and takes null for nothing.
class Members {
 public:
  Members(const nlohmann::json& json, std::string place) : place_(std::move(place)) {
    if (!json.is_object()) object_to(place_.empty() ? "it" : place_, "is not a JSON object");
    for (const auto& [name, value] : json.items())
      if (!all_.emplace(lower_case(name), std::pair{name, value}).second) object_to(path(name), "is there twice");
  }

  // The member, or null; `name` as step writes it.
  nlohmann::json take(const std::string& name) {
    const auto found = all_.extract(lower_case(name));
    return found.empty() ? nlohmann::json() : found.mapped().second;
  }
  std::string text(const std::string& name) {
    const auto value = take(name);
    if (value.is_null()) return {};
    if (!value.is_string()) object_to(path(name), "is not a string");
    return value.get<std::string>();
  }
  bool flag(const std::string& name) {
    const auto value = take(name);
    if (!value.is_null() && !value.is_boolean()) object_to(path(name), "is not true or false");
    return value.is_boolean() && value.get<bool>();
  }
  // A list of strings, or one.
  std::vector<std::string> texts(const std::string& name) {
    const auto value = take(name);
    if (value.is_null()) return {};
    if (value.is_string()) return {value.get<std::string>()};
    if (!value.is_array() || std::any_of(value.begin(), value.end(), [](const auto& one) { return !one.is_string(); }))
      object_to(path(name), "is neither a string nor a list of strings");
    return value.get<std::vector<std::string>>();
  }
  nlohmann::json list(const std::string& name) {
    auto value = take(name);
    if (!value.is_null() && !value.is_array()) object_to(path(name), "is not a list");
    return value.is_null() ? nlohmann::json::array() : value;
  }
  // What nobody took.
  void rest(std::vector<std::string>& ignored) const {
    for (const auto& [folded, member] : all_) ignored.push_back(path(member.first));
  }
  std::string path(const std::string& name) const { return (place_.empty() ? "" : place_ + ".") + escape(name); }

 private:
  std::string place_;
  std::map<std::string, std::pair<std::string, nlohmann::json>> all_;
};

// Go takes the last of two members of a name, and parts of the first.
nlohmann::json read_without_doubles(std::string_view text) {
  std::vector<std::set<std::string>> open;
  const auto look = [&](int, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) open.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) open.pop_back();
    if (event == nlohmann::json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      object_to(escape(parsed.get<std::string>()), "is there twice");
    return true;
  };
  return nlohmann::json::parse(text, look);
}

using Asn1ObjectPtr = std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>>;

Asn1ObjectPtr object_at(const std::string& oid, const std::string& place) {
  const bool dotted = !oid.empty() && oid.find_first_not_of("0123456789.") == std::string::npos;
  Asn1ObjectPtr object(dotted ? OBJ_txt2obj(oid.c_str(), 1) : nullptr);
  ERR_clear_error();
  if (!object) object_to(place, "is not an object identifier: " + escape(oid), "write it as \"1.2.3.4\"");
  return object;
}

std::string bytes_of_base64(const std::string& text, const std::string& place) {
  const auto end = std::min(text.find('='), text.size());
  const bool good =
      text.size() % 4 == 0 && text.size() - end <= 2 && text.find_first_not_of('=', end) == std::string::npos &&
      std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                  [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '+' || c == '/'); });
  if (!good) object_to(place, "is not base64");
  std::string bytes(text.size() / 4 * 3, '\0');
  EVP_DecodeBlock(to_unsigned(bytes), to_unsigned(text), int_size(text));
  bytes.resize(bytes.size() - (text.size() - end));
  return bytes;
}

// x509util/name.go; the order is that of Go's pkix.Name.ToRDNSequence.
std::vector<std::vector<RequestContents::Attribute>> subject_of(const nlohmann::json& json,
                                                                std::vector<std::string>& ignored) {
  constexpr std::array<std::pair<const char*, const char*>, 9> attributes{{{"country", "2.5.4.6"},
                                                                           {"province", "2.5.4.8"},
                                                                           {"locality", "2.5.4.7"},
                                                                           {"streetAddress", "2.5.4.9"},
                                                                           {"postalCode", "2.5.4.17"},
                                                                           {"organization", "2.5.4.10"},
                                                                           {"organizationalUnit", "2.5.4.11"},
                                                                           {"commonName", "2.5.4.3"},
                                                                           {"serialNumber", "2.5.4.5"}}};
  if (json.is_null()) return {};
  if (json.is_string()) return subject_of({{"commonName", json}}, ignored);
  Members members(json, "subject");
  std::vector<std::vector<RequestContents::Attribute>> extra;
  for (const auto& entry : members.list("extraNames")) {
    Members one(entry, "subject.extraNames");
    const auto oid = one.text("type");
    object_at(oid, one.path("type"));
    const auto value = one.take("value");
    if (!value.is_string()) object_to(one.path("value"), "is not a string");
    extra.push_back({{oid, value.get<std::string>()}});
    one.rest(ignored);
  }
  std::vector<std::vector<RequestContents::Attribute>> subject;
  for (const auto& [name, oid] : attributes) {
    const bool single = oid == attributes[7].second || oid == attributes[8].second;
    auto values = single ? std::vector{members.text(name)} : members.texts(name);
    if (single && values.front().empty()) values.clear();
    const bool replaced = std::any_of(extra.begin(), extra.end(), [oid = oid](const auto& one) {
      return one.front().oid == oid;  // an extra name stands for those of its type
    });
    if (values.empty() || replaced) continue;
    subject.emplace_back();
    for (const auto& value : values) subject.back().push_back({oid, value});
  }
  members.rest(ignored);
  subject.insert(subject.end(), extra.begin(), extra.end());
  return subject;
}

Name name_of(const std::string& type, const std::string& value, const std::string& place) {
  constexpr std::array<std::pair<std::string_view, Name::Kind>, 4> kinds{
      {{"dns", Name::Kind::dns}, {"email", Name::Kind::email}, {"ip", Name::Kind::ip}, {"uri", Name::Kind::uri}}};
  auto name = Name::classify(value);
  if (!type.empty() && type != "auto") {
    const auto* kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& one) { return one.first == type; });
    if (kind == kinds.end())
      object_to(place, "has a name of type " + escape(type) + ", which is not supported",
                "there are dns, email, ip, uri and auto");
    if (kind->second == Name::Kind::ip && name.kind != Name::Kind::ip)
      object_to(place, "has an IP address that is none: " + escape(value));
    if (kind->second != Name::Kind::ip) name = {kind->second, value};
  }
  if (name.kind == Name::Kind::ip && name.value.find('.') < name.value.size() &&
      name.value.find(':') < name.value.size())
    object_to(place, "has an IP address in a mixed form, which is not supported: " + escape(value));
  if (name.kind == Name::Kind::uri && !is_plain_uri(name.value))
    object_to(place, "has a URI that is not supported: " + escape(value), "escape what has a meaning in a URI: %20");
  return name;
}

std::vector<Name> names_of(Members& members, std::vector<std::string>& ignored) {
  constexpr std::array<std::pair<const char*, const char*>, 4> lists{
      {{"dnsNames", "dns"}, {"emailAddresses", "email"}, {"ipAddresses", "ip"}, {"uris", "uri"}}};
  std::vector<Name> names;
  for (const auto& [list, type] : lists)
    for (const auto& value : members.texts(list)) {
      if (value.empty()) object_to(list, "has an empty name");
      names.push_back(name_of(type, value, list));
    }
  for (const auto& entry : members.list("sans")) {
    Members one(entry, "sans");
    const auto type = one.text("type");
    const auto value = one.text("value");
    if (!one.take("asn1Value").is_null()) object_to("sans.asn1Value", "is not supported");
    if (!value.empty()) names.push_back(name_of(type, value, "sans"));
    one.rest(ignored);
  }
  return names;
}

RequestContents::Extension basic_constraints(const nlohmann::json& json, std::vector<std::string>& ignored) {
  Members members(json, "basicConstraints");
  const std::unique_ptr<BASIC_CONSTRAINTS, Free<BASIC_CONSTRAINTS_free>> constraints(BASIC_CONSTRAINTS_new());
  constraints->ca = members.flag("isCA") ? 0xff : 0;
  const auto length = members.take("maxPathLen");
  if (!length.is_null() && !length.is_number_integer()) object_to(members.path("maxPathLen"), "is not a whole number");
  const auto most = length.is_null() ? 0 : length.get<std::int64_t>();
  if (constraints->ca != 0 && most >= 0) {
    constraints->pathlen = ASN1_INTEGER_new();
    ASN1_INTEGER_set_int64(constraints->pathlen, most);
  }
  members.rest(ignored);
  return {"2.5.29.19", true, to_der(i2d_BASIC_CONSTRAINTS, constraints.get())};
}

// As step compares the names of usages.
std::string usage_of(std::string name) {
  name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
  return lower_case(name);
}

std::optional<RequestContents::Extension> key_usage(const std::vector<std::string>& usages) {
  static const std::map<std::string_view, int> bits{
      {"digitalsignature", 0}, {"contentcommitment", 1}, {"nonrepudiation", 1}, {"keyencipherment", 2},
      {"dataencipherment", 3}, {"keyagreement", 4},      {"certsign", 5},       {"crlsign", 6},
      {"encipheronly", 7},     {"decipheronly", 8}};
  if (usages.empty()) return std::nullopt;
  const std::unique_ptr<ASN1_BIT_STRING, Free<ASN1_BIT_STRING_free>> string(ASN1_BIT_STRING_new());
  for (const auto& usage : usages) {
    const auto found = bits.find(usage_of(usage));
    if (found == bits.end()) object_to("keyUsage", "has an unknown usage: " + escape(usage));
    ASN1_BIT_STRING_set_bit(string.get(), found->second, 1);
  }
  return RequestContents::Extension{"2.5.29.15", true, to_der(i2d_ASN1_BIT_STRING, string.get())};
}

std::optional<RequestContents::Extension> extended_key_usage(const std::vector<std::string>& usages,
                                                             std::vector<std::string> oids) {
  static const std::map<std::string_view, const char*> known{
      {"any", "2.5.29.37.0"},
      {"serverauth", "1.3.6.1.5.5.7.3.1"},
      {"clientauth", "1.3.6.1.5.5.7.3.2"},
      {"codesigning", "1.3.6.1.5.5.7.3.3"},
      {"emailprotection", "1.3.6.1.5.5.7.3.4"},
      {"ipsecendsystem", "1.3.6.1.5.5.7.3.5"},
      {"ipsectunnel", "1.3.6.1.5.5.7.3.6"},
      {"ipsecuser", "1.3.6.1.5.5.7.3.7"},
      {"timestamping", "1.3.6.1.5.5.7.3.8"},
      {"ocspsigning", "1.3.6.1.5.5.7.3.9"},
      {"microsoftservergatedcrypto", "1.3.6.1.4.1.311.10.3.3"},
      {"netscapeservergatedcrypto", "2.16.840.1.113730.4.1"},
      {"microsoftcommercialcodesigning", "1.3.6.1.4.1.311.2.1.22"},
      {"microsoftkernelcodesigning", "1.3.6.1.4.1.311.61.1.1"}};
  std::vector<std::string> all;
  for (const auto& usage : usages) {
    const auto found = known.find(usage_of(usage));
    if (found == known.end()) object_to("extKeyUsage", "has an unknown usage: " + escape(usage));
    all.emplace_back(found->second);
  }
  all.insert(all.end(), oids.begin(), oids.end());
  if (all.empty()) return std::nullopt;
  const std::unique_ptr<EXTENDED_KEY_USAGE, Free<EXTENDED_KEY_USAGE_free>> list(EXTENDED_KEY_USAGE_new());
  for (const auto& oid : all) sk_ASN1_OBJECT_push(list.get(), object_at(oid, "unknownExtKeyUsage").release());
  return RequestContents::Extension{"2.5.29.37", false, to_der(i2d_EXTENDED_KEY_USAGE, list.get())};
}

std::vector<RequestContents::Extension> extensions_in(Members& members, std::vector<std::string>& ignored) {
  std::vector<RequestContents::Extension> given;
  for (const auto& entry : members.list("extensions")) {
    Members one(entry, "extensions");
    const auto oid = one.text("id");
    RequestContents::Extension extension{oid, one.flag("critical"),
                                         bytes_of_base64(one.text("value"), one.path("value"))};
    one.rest(ignored);
    if (oid.empty()) continue;
    object_at(oid, one.path("id"));
    given.push_back(std::move(extension));
  }
  std::vector<RequestContents::Extension> all;
  if (const auto constraints = members.take("basicConstraints"); !constraints.is_null())
    all.push_back(basic_constraints(constraints, ignored));
  if (auto usage = extended_key_usage(members.texts("extKeyUsage"), members.texts("unknownExtKeyUsage")))
    all.push_back(std::move(*usage));
  const bool has_usage =
      std::any_of(given.begin(), given.end(), [](const auto& one) { return one.oid == "2.5.29.15"; });
  if (auto usage = key_usage(members.texts("keyUsage")); usage && !has_usage) all.push_back(std::move(*usage));
  all.insert(all.end(), given.begin(), given.end());
  for (auto one = all.begin(); one != all.end(); ++one)
    if (std::any_of(all.begin(), one, [&](const auto& other) { return other.oid == one->oid; }))
      object_to("extensions", "has " + one->oid + " twice");
  return all;
}

}  // namespace

bool is_plain_uri(std::string_view uri) {
  const auto colon = uri.find(':');
  if (colon == std::string_view::npos || uri.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") < colon) return false;
  const auto rest = uri.substr(colon + 1);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const auto c = static_cast<unsigned char>(rest[i]);
    const auto is_hex = [&](std::size_t at) {
      return at < rest.size() && std::isxdigit(static_cast<unsigned char>(rest[at])) != 0;
    };
    if (c == '%' ? !is_hex(i + 1) || !is_hex(i + 2)
                 : c >= 0x80 || (std::isalnum(c) == 0 &&
                                 std::string_view("-._~:/?#@!$&'()*+,;=").find(rest[i]) == std::string_view::npos))
      return false;
  }
  const auto fragment = rest.find('#');
  if (rest.empty() || fragment == rest.size() - 1 || rest.find('#', fragment + 1) < rest.size()) return false;
  if (!rest.starts_with("//")) return true;
  const auto authority = rest.substr(2, rest.find_first_of("/?#", 2) - 2);
  const auto port = std::min(authority.find(':'), authority.size());
  return !rest.starts_with("////") && authority.find_first_of("@%") == std::string_view::npos &&
         authority.find_first_not_of("0123456789", std::min(port + 1, authority.size())) == std::string_view::npos;
}

RequestContents RequestContents::from_json(std::string_view text, const std::string& source) {
  static_cast<void>(parse_json(text, source));  // whether it is JSON of a reasonable size
  try {
    const auto json = read_without_doubles(text);
    RequestContents contents;
    Members members(json, "");
    contents.subject = subject_of(members.take("subject"), contents.ignored);
    contents.names = names_of(members, contents.ignored);
    contents.extensions = extensions_in(members, contents.ignored);
    contents.signature_algorithm = members.text("signatureAlgorithm");
    members.rest(contents.ignored);
    return contents;
  } catch (const Error& error) {
    throw error.within(source);
  }
}

}  // namespace everleaf
