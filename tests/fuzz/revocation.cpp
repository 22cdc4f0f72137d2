// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/revocation.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

namespace {

constexpr auto root_pem = R"(-----BEGIN CERTIFICATE-----
MIIBfDCCASKgAwIBAgIBATAKBggqhkjOPQQDAjAjMQ0wCwYDVQQKDARUZXN0MRIw
EAYDVQQDDAlUZXN0IFJvb3QwIBcNMjAwMTAxMDAwMDAwWhgPMjA2MDAxMDEwMDAw
MDBaMCMxDTALBgNVBAoMBFRlc3QxEjAQBgNVBAMMCVRlc3QgUm9vdDBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABPTSUVpqOe+IXjdzR5B4uTSj99aOMb/5TJaLcvvX
1TQuu45GIM0SaeDYGCwh+Ifb5LgEg70d9N4SAlXFEiAXaiKjRTBDMBIGA1UdEwEB
/wQIMAYBAf8CAQIwDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBRnqYIOuhPWvQkm
jUGsYmmypLpfPjAKBggqhkjOPQQDAgNIADBFAiAaCMZyghseUeQE3SdISJqzTtjI
0XSddbuZO717m5fH9AIhAJ048cLab7irY9RtsnR69igZD4kcj+W8FBa5njOY6Mx+
-----END CERTIFICATE-----
)";  // tests/data/x509/root.crt

}  // namespace

// CRLs and OCSP answers. Nobody can sign what libFuzzer makes up: it reaches all that is read before the signature.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto root = Certificate::from_pem(root_pem, "root");
  const auto text = fuzz::text_of(bytes, size);
  const Time now{};
  fuzz::must_answer([&] { static_cast<void>(read_crl(text, root, root, now)); });
  return fuzz::must_answer([&] { static_cast<void>(read_ocsp_answer(text, root, root, now)); });
}
