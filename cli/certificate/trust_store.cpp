// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/trust_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <vector>

#include <everleaf/error/error.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/x509/verify.hpp>
#include "cli/certificate/input.hpp"

namespace everleaf::cli {
namespace {

namespace fs = std::filesystem;

struct TrustStore {
  std::string_view directory;
  std::string_view suffix;
  std::vector<std::string> refresh;
};

// In the order in which step looks: Fedora, Debian, openSUSE, Arch.
const TrustStore& trust_store() {
  static const std::array<TrustStore, 4> known{
      {{"/etc/pki/ca-trust/source/anchors", ".pem", {"update-ca-trust", "extract"}},
       {"/usr/local/share/ca-certificates", ".crt", {"update-ca-certificates"}},
       {"/usr/share/pki/trust/anchors", ".crt", {"update-ca-certificates"}},
       {"/etc/ca-certificates/trust-source/anchors", ".crt", {"trust", "extract-compat"}}}};
  const auto* const found =
      std::find_if(known.begin(), known.end(), [](const TrustStore& one) { return fs::is_directory(one.directory); });
  if (found == known.end())
    throw Error(ErrorKind::missing, "this system's trust store is not known", "install ca-certificates");
  return *found;
}

// Somebody else's common name must not become a path.
std::string file_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return c <= ' ' || c == '/' || c == 0x7f; }, '_');
  return name;
}

fs::path path_in(const char* variable) {
  const char* path = std::getenv(variable);
  return path == nullptr ? fs::path() : fs::path(path);
}

bool is_on_path(const std::string& program) {
  std::istringstream path(path_in("PATH").string());
  for (std::string directory; std::getline(path, directory, ':');)
    if (::access((fs::path(directory) / program).c_str(), X_OK) == 0) return true;
  return false;
}

bool is_there(const fs::path& file) { return ::access(file.c_str(), F_OK) == 0; }

bool has_certificates(const fs::path& profile) {
  return is_there(profile / "cert9.db") || is_there(profile / "cert8.db");
}

}  // namespace

fs::path java_store() {
  const auto home = path_in("JAVA_HOME");
  return home.empty() || !is_there(home / "bin" / "keytool") ? fs::path() : home;
}

fs::path firefox_store() {
  const auto home = path_in("HOME");
  if (!is_on_path("certutil")) return {};
  std::error_code none;
  for (const auto& profile : fs::directory_iterator(home / ".mozilla" / "firefox", none))
    if (has_certificates(profile)) return profile;
  return has_certificates(home / ".pki" / "nssdb") ? home / ".pki" / "nssdb" : fs::path();
}

fs::path trust_store_file(const Certificate& root, const std::string& prefix) {
  const auto common_name = root.common_name().empty() ? "Smallstep Development CA" : root.common_name();
  const auto name = file_name((prefix.empty() ? common_name + " " : prefix) + root.serial_decimal());
  const auto& store = trust_store();
  return fs::path(store.directory) / (name + std::string(store.suffix));
}

void refresh_trust_store() { run_command(trust_store().refresh, {}, {}); }

Certificate read_root(const std::string& file) {
  const auto root = read_certificates(file).front();
  const auto reasons = reasons_against_chain({root}, std::vector{root}, root.validity().not_before);
  if (!root.is_authority() || !root.is_self_issued() || !reasons.empty())
    throw Error(ErrorKind::usage, file + " is not a root certificate", "a root is a CA that signed itself");
  return root;
}

}  // namespace everleaf::cli
