// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/answers.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// The first byte chooses whose answer it is.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const auto body = fuzz::text_of(bytes, size).substr(1);
  return fuzz::must_answer([&] {
    switch (bytes[0]) {
      case 'h': static_cast<void>(text_in_answer(body, "status")); break;
      case '1': static_cast<void>(root_in_answer(body)); break;
      case 'r': static_cast<void>(roots_in_answer(body)); break;
      case 'c': static_cast<void>(chain_in_answer(body)); break;
      case 'p': static_cast<void>(provisioners_in_answer(body)); break;
      default: static_cast<void>(words_of(body)); break;
    }
  });
}
