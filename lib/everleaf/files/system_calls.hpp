// SPDX-License-Identifier: Apache-2.0
// Private to files/: system calls as the sources here need them.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>

namespace everleaf {

// The result of a call that answers -1 on failure, repeated for as long as signals interrupt it.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// "cannot <verb> <path>: <why>", with a hint where the user can do something about it.
Error file_error(std::string_view verb, const std::filesystem::path& path, int error_number);

// openat(2), O_CLOEXEC added. Not open, with errno set, if it failed.
Descriptor open_at(int directory, const std::string& name, int flags, mode_t mode = 0);
inline Descriptor open_path(const std::filesystem::path& path, int flags, mode_t mode = 0) {
  return open_at(AT_FDCWD, path.native(), flags, mode);
}
// A directory, to work in it or to sync it. Throws.
Descriptor open_directory(const std::filesystem::path& path);

// A new file for writing that has so far no more than the owner's part of `mode`: set_mode() gives it the rest. Not
// open if there is one of this name, throws for all else. `path` is what errors call it.
Descriptor create_at(int directory, const std::string& name, mode_t mode, const std::filesystem::path& path);

// The calls below take the file's path only to name it in the error.
void set_mode(int file, mode_t mode, const std::filesystem::path& path);
void write_from_start(int file, std::string_view contents, const std::filesystem::path& path);  // and cut what follows
void sync(int file, const std::filesystem::path& path);
std::string read_regular(int file, std::size_t limit, const std::filesystem::path& path);
std::string read_to_end(int file, std::size_t limit, const std::filesystem::path& path);  // also a pipe or a device
// Takes 64 KiB of the disk for `file`, so that a full one is found now. write_from_start() gives back what is too much.
void reserve(int file, const std::filesystem::path& path);

// Names in a directory, without "." and ".."; none if it does not exist.
std::vector<std::string> names_in(const std::filesystem::path& path);
std::vector<std::string> names_in(int directory, const std::filesystem::path& path);

// Eight characters nobody can guess.
std::string random_suffix();

// Where `path` lies; "." for a bare name.
std::filesystem::path directory_of(const std::filesystem::path& path);
bool is_mount_point(const std::filesystem::path& path);

}  // namespace everleaf
