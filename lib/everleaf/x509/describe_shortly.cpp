// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/contents.hpp>
#include <everleaf/x509/describe.hpp>

namespace everleaf {
namespace {

std::string abbreviate(const std::string& text) {
  return text.size() <= 8 ? text : text.substr(0, 4) + "..." + text.substr(text.size() - 4);
}

std::string kind_of(const Certificate& certificate) {
  if (!certificate.is_authority()) return "TLS";
  return certificate.is_self_issued() ? "Root CA" : "Intermediate CA";
}

std::string subject_lines(const std::string& common_name, const std::vector<Name>& names) {
  std::vector<std::string> values;
  if (!common_name.empty()) values.push_back(common_name);
  for (const auto kind : {Name::Kind::dns, Name::Kind::ip, Name::Kind::email, Name::Kind::uri})
    for (const auto& value : of_kind(names, kind))
      if (value != common_name) values.push_back(value);
  if (values.empty()) return "  Subject: \n";
  std::string text;
  for (const auto& value : values)
    text += (text.empty() ? "  Subject:     " : "               ") + escape(value) + "\n";
  return text;
}

}  // namespace

std::string describe_shortly(const Certificate& certificate) {
  const GeneralNamesPtr general(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.native(), NID_subject_alt_name, nullptr, nullptr)));
  std::string text = "X.509v3 " + kind_of(certificate) + " Certificate (" + certificate.public_key().description() +
                     ") [Serial: " + abbreviate(certificate.serial_decimal()) + "]\n";
  text += subject_lines(certificate.common_name(), to_names(general.get()));
  text += "  Issuer:      " + escape(certificate.issuer_common_name()) + "\n";
  if (const auto provisioner = certificate.provisioner()) {
    text += "  Provisioner: " + escape(provisioner->name);
    if (!provisioner->credential_id.empty()) text += " [ID: " + escape(abbreviate(provisioner->credential_id)) + "]";
    text += "\n";
  }
  const auto validity = certificate.validity();
  return text + "  Valid from:  " + format_time(validity.not_before) +
         "\n          to:  " + format_time(validity.not_after) + "\n";
}

std::string describe_shortly(const CertificateRequest& request) {
  const auto extensions = extensions_of(request.native());
  const GeneralNamesPtr general(
      static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  return "X.509v3 Certificate Signing Request (" + request.public_key().description() + ")\n" +
         subject_lines(request.common_name(), to_names(general.get()));
}

}  // namespace everleaf
