// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/secrets.hpp>

#include <sys/stat.h>

namespace everleaf {
namespace {

std::filesystem::path secret_of(const Enrollment& enrollment) {
  if (const auto* token = std::get_if<TokenFile>(&enrollment)) return token->path;
  if (const auto* password = std::get_if<ProvisionerPassword>(&enrollment)) return password->password_file;
  if (const auto* credential = std::get_if<X5cCredential>(&enrollment)) return credential->key;
  return {};
}

bool is_for_everybody(const std::filesystem::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

}  // namespace

std::set<std::filesystem::path> secrets_for_everybody(const Configuration& configuration) {
  std::set<std::filesystem::path> found;
  for (const auto& [name, certificate] : configuration.certificates)
    if (certificate.enroll)
      if (auto file = secret_of(*certificate.enroll); is_for_everybody(file)) found.insert(std::move(file));
  return found;
}

}  // namespace everleaf
