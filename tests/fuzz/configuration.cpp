// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto file = fuzz::as_file(fuzz::text_of(bytes, size), "everleaf.toml");
  return fuzz::must_answer([&] {
    for (const auto& problem : load_configuration(file).problems) static_cast<void>(to_string(problem));
  });
}
