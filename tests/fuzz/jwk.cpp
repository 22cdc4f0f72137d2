// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwk.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::must_answer([&] {
    const auto key = private_key_from_jwk(fuzz::text_of(bytes, size), "input");
    static_cast<void>(jwk_thumbprint(key));
  });
}
