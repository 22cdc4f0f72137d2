// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/private_key.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  return fuzz::must_answer([&] {
    static_cast<void>(PrivateKey::is_encrypted_pem(text));
    const auto key = PrivateKey::from_pem(text, "input", Secret("secret"));
    static_cast<void>(key.type());
    static_cast<void>(key.to_pem());
  });
}
