// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include <everleaf/files/atomic_file.hpp>
#include <everleaf/files/system_calls.hpp>

namespace everleaf {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(number_);
    number_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (is_open()) ::close(number_);
}

int Descriptor::release() { return std::exchange(number_, -1); }

std::optional<std::string> read_file_if_present(const std::filesystem::path& path, std::size_t limit) {
  const auto file = open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (file.is_open()) return read_regular(file.get(), limit, path);
  if (errno == ENOENT) return std::nullopt;
  throw file_error("read", path, errno);
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  if (auto contents = read_file_if_present(path, limit)) return std::move(*contents);
  throw file_error("read", path, ENOENT);
}

mode_t mode_of(const std::filesystem::path& path, mode_t otherwise) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) ? status.st_mode & 07777 : otherwise;
}

Secret read_secret(const std::filesystem::path& path) { return secret_of(read_file(path)); }

Secret secret_of(std::string contents) {
  contents.erase(contents.find_last_not_of(" \t\n\v\f\r") + 1);
  return Secret(std::move(contents));
}

void replace_file(const std::filesystem::path& path, std::string_view contents, mode_t mode) {
  AtomicFile file(path, mode);
  file.write(contents);
  file.commit();
}

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) == 0) return sync_directory(directory_of(path));
  if (errno != ENOENT) throw file_error("remove", path, errno);
}

void sync_directory(const std::filesystem::path& directory) { sync(open_directory(directory).get(), directory); }

}  // namespace everleaf
