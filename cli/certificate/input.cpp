// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/input.hpp"

#include <unistd.h>

#include <array>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>

namespace everleaf::cli {
namespace {

constexpr std::size_t most_bytes = 1 << 20;

std::string read_standard_input() {
  std::string text;
  std::array<char, 16 << 10> block{};
  for (ssize_t count = 0; (count = read(STDIN_FILENO, block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > most_bytes) throw Error(ErrorKind::malformed, "standard input is too large for certificates");
  }
  return text;
}

}  // namespace

std::vector<Certificate> read_certificates(const std::string& file) {
  const bool standard_input = file.empty() || file == "-";
  const std::string source = standard_input ? "standard input" : file;
  const auto bytes = standard_input ? read_standard_input() : read_file(file, most_bytes);
  if (bytes.find("-----BEGIN ") != std::string::npos) return parse_certificates(bytes, source);
  return {Certificate::from_der(bytes, source)};
}

}  // namespace everleaf::cli
