// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jws.hpp>
#include <everleaf/step_ca/token.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// A compact JWS, and what a one-time token says.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  fuzz::must_answer([&] { static_cast<void>(unverified_jws_parts(text, "input")); });
  return fuzz::must_answer([&] { static_cast<void>(read_token(Secret(std::string(text)))); });
}
