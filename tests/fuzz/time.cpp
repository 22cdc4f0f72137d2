// SPDX-License-Identifier: Apache-2.0
#include <everleaf/time/time.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  return fuzz::must_answer([&] {
    if (const auto time = parse_time(text)) static_cast<void>(format_time(*time));
    if (const auto duration = parse_duration(text)) static_cast<void>(format_duration(*duration));
  });
}
