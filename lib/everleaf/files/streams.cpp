// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/streams.hpp>

#include <unistd.h>

#include <charconv>
#include <optional>

#include <everleaf/files/file.hpp>
#include <everleaf/files/system_calls.hpp>

namespace everleaf {
namespace {

// The number of the descriptor that `path` stands for: /dev/stdout is a link to /proc/self/fd/1.
std::optional<int> own_descriptor(std::filesystem::path path) {
  const auto descriptors = "/proc/" + std::to_string(::getpid()) + "/fd";
  std::error_code failure;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(path, failure); ++links) {
    if (std::filesystem::canonical(directory_of(path), failure) == descriptors) return std::stoi(path.filename());
    path = directory_of(path) / std::filesystem::read_symlink(path, failure);
  }
  return std::nullopt;
}

}  // namespace

bool is_stream(const std::filesystem::path& input) {
  std::error_code unknown;
  return input == "-" || std::filesystem::is_other(input, unknown);
}

std::string read_input(const std::filesystem::path& input, std::size_t limit) {
  if (input == "-") return read_to_end(STDIN_FILENO, limit, "standard input");
  const auto file = open_path(input, O_RDONLY | O_NOCTTY);
  if (!file.is_open()) throw file_error("read", input, errno);
  return read_to_end(file.get(), limit, input);
}

Secret read_secret_input(const std::filesystem::path& input) { return secret_of(read_input(input)); }

bool is_output_stream(const std::filesystem::path& output) {
  std::error_code unknown;
  const auto type = std::filesystem::status(output, unknown).type();
  return type == std::filesystem::file_type::fifo || type == std::filesystem::file_type::character ||
         own_descriptor(output);
}

Descriptor open_output_stream(const std::filesystem::path& output) {
  const auto number = own_descriptor(output);
  Descriptor stream(number ? ::fcntl(*number, F_DUPFD_CLOEXEC, 0) : open_path(output, O_WRONLY | O_NOCTTY).release());
  if (!stream.is_open()) throw file_error("write", output, errno);
  return stream;
}

void write_to_stream(const Descriptor& stream, std::string_view contents, const std::filesystem::path& output) {
  while (!contents.empty()) {
    const auto count = uninterrupted([&] { return ::write(stream.get(), contents.data(), contents.size()); });
    if (count < 0) throw file_error("write", output, errno);
    contents.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace everleaf
