// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/names.hpp>

#include <optional>

namespace everleaf {
namespace {

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

}  // namespace

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

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

std::vector<Name> to_names(const GENERAL_NAMES* general) {
  std::vector<Name> names;
  for (int i = 0; i < sk_GENERAL_NAME_num(general); ++i)
    if (auto name = to_name(*sk_GENERAL_NAME_value(general, i))) names.push_back(std::move(*name));
  return names;
}

ExtensionStack extensions_of(X509_REQ* request) {
  return {X509_REQ_get_extensions(request),
          [](STACK_OF(X509_EXTENSION) * stack) { sk_X509_EXTENSION_pop_free(stack, X509_EXTENSION_free); }};
}

}  // namespace everleaf
