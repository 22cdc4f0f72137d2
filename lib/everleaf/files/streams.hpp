// SPDX-License-Identifier: Apache-2.0
// What somebody names on a command line and is no file. It is read as `cat` reads it: "-" is standard input, a pipe or
// a device is read to its end, and who has to write into a FIFO is waited for. Not for everleafd, which nothing may
// hang.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <everleaf/files/file.hpp>
#include <everleaf/secret/secret.hpp>

namespace everleaf {

// Whether it can be read only once: "-", or what is there and neither a file nor a directory.
bool is_stream(const std::filesystem::path& input);

// Throws missing; storage if it cannot be read or has more than `limit` bytes.
std::string read_input(const std::filesystem::path& input, std::size_t limit = 1 << 20);
// A password or token, as read_secret().
Secret read_secret_input(const std::filesystem::path& input);

// Whether it is written to, not replaced: a pipe, a character device, or one of our own descriptors, as /dev/stdout,
// whatever that is.
bool is_output_stream(const std::filesystem::path& output);
// To write to it; a descriptor of ours goes on where it is.
Descriptor open_output_stream(const std::filesystem::path& output);
void write_to_stream(const Descriptor& stream, std::string_view contents, const std::filesystem::path& output);

}  // namespace everleaf
