// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/answers.hpp>
#include <everleaf/acme/standalone.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// The first byte chooses what an ACME server says, or what is said to ours.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const auto text = fuzz::text_of(bytes, size).substr(1);
  return fuzz::must_answer([&] {
    switch (bytes[0]) {
      case 'd': static_cast<void>(acme::directory_in(text)); break;
      case 'o': static_cast<void>(acme::order_in(text)); break;
      case 'a': static_cast<void>(acme::authorization_in(text)); break;
      case 'c': static_cast<void>(acme::challenge_in(text)); break;
      case 'r': static_cast<void>(acme::answer_to(text, {{"token", "token.key"}})); break;
      default: static_cast<void>(acme::problem_in(text)); break;
    }
  });
}
