// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <everleaf/error/error.hpp>
#include <tests/support/temporary_directory.hpp>

// What libFuzzer calls: see its documentation. scripts/fuzz runs all of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace everleaf::fuzz {

inline std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Bytes that are wrong are answered by a value or by an Error; all else ends the fuzzer.
inline int must_answer(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const Error&) {
  }
  return 0;
}

// The bytes as a file, for what reads files.
inline std::filesystem::path as_file(std::string_view text, const std::string& name) {
  static const testing::TemporaryDirectory directory(testing::memory());
  return testing::write(directory / name, std::string(text));
}

}  // namespace everleaf::fuzz
