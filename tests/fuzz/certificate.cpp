// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate.hpp>
#include <everleaf/x509/describe.hpp>
#include <everleaf/x509/verify.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// PEM, and DER: all that is read in a certificate, or in a request.
namespace {

void read_all(const Certificate& certificate) {
  static_cast<void>(certificate.to_pem());
  static_cast<void>(certificate.fingerprint());
  static_cast<void>(certificate.serial_decimal() + certificate.serial_hex());
  static_cast<void>(certificate.common_name() + certificate.issuer_common_name());
  static_cast<void>(certificate.public_key().description());
  static_cast<void>(certificate.names());
  static_cast<void>(certificate.extended_key_usages());
  static_cast<void>(certificate.is_authority() && certificate.is_self_issued());
  static_cast<void>(certificate.may_be_issued_by(certificate));
  static_cast<void>(certificate.provisioner());
  static_cast<void>(certificate.validity());
  static_cast<void>(describe(certificate) + describe_shortly(certificate) + describe_in_json({certificate}));
}

void read_all(const CertificateRequest& request) {
  static_cast<void>(request.to_pem() + request.common_name());
  static_cast<void>(request.names());
  static_cast<void>(request.has_valid_signature());
  static_cast<void>(describe(request) + describe_shortly(request) + describe_in_json(request));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  fuzz::must_answer([&] { read_all(Certificate::from_der(text, "input")); });
  fuzz::must_answer([&] { read_all(CertificateRequest::from_der(text, "input")); });
  fuzz::must_answer([&] { read_all(CertificateRequest::from_pem(text, "input")); });
  return fuzz::must_answer([&] {
    for (const auto& certificate : parse_certificates(text, "input")) read_all(certificate);
  });
}
