// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/team.hpp"
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::must_answer(
      [&] { cli::authority_in_answer(std::string(fuzz::text_of(bytes, size)), "https://a.test"); });
}
