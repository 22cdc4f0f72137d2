// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace everleaf {

// A file under tests/data, without its last line's end.
inline std::string test_data(const std::string& path) {
  std::ifstream file(std::string(TEST_DATA "/") + path, std::ios::binary);
  if (!file) throw std::runtime_error("no test data " + path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace everleaf
