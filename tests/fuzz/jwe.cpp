// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwe.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::must_answer([&] { static_cast<void>(decrypt_jwe(fuzz::text_of(bytes, size), Secret("secret"))); });
}
