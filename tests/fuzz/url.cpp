// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/url.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::must_answer([&] { static_cast<void>(HttpsUrl::parse(fuzz::text_of(bytes, size)).at("/health")); });
}
