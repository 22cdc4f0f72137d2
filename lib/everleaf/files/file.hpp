// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <everleaf/secret/secret.hpp>

namespace everleaf {

// Owner of a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int release();

 private:
  int number_;
};

namespace file_mode {
inline constexpr mode_t private_key = 0600;
inline constexpr mode_t certificate = 0644;
}  // namespace file_mode

// The whole of a regular file. Throws missing; storage if it cannot be read, is not a regular file (a FIFO would hang
// us) or is larger than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = 1 << 20);
// The same, or nothing if there is no such file.
std::optional<std::string> read_file_if_present(const std::filesystem::path& path, std::size_t limit = 1 << 20);
// The mode of a regular file, or `otherwise` if there is none.
mode_t mode_of(const std::filesystem::path& path, mode_t otherwise);

// A password or token: the same with trailing white space cut, as step does.
Secret read_secret(const std::filesystem::path& path);
Secret secret_of(std::string contents);  // of such a file

// Replaces `path` by `contents` as one step that survives a power loss: see AtomicFile.
void replace_file(const std::filesystem::path& path, std::string_view contents, mode_t mode);

// Removes a file and syncs its directory; a missing one is no error.
void remove_file(const std::filesystem::path& path);

void sync_directory(const std::filesystem::path& directory);

}  // namespace everleaf
