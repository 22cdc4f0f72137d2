// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/nginx_workers.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// What /proc says about a process, whose name is its own to choose.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return fuzz::must_answer([&] { static_cast<void>(start_in_stat(std::string(fuzz::text_of(bytes, size)))); });
}
