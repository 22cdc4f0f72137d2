// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate_request.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// Names that somebody types, in a request for a certificate.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto key = PrivateKey::generate(KeyType::ec_p256);
  const std::string text(fuzz::text_of(bytes, size));
  return fuzz::must_answer([&] { static_cast<void>(make_certificate_request(key, text, classify_all({text}))); });
}
