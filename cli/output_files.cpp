// SPDX-License-Identifier: Apache-2.0
#include "cli/output_files.hpp"

#include <everleaf/files/lock.hpp>

namespace everleaf::cli {
namespace {

namespace fs = std::filesystem;

fs::path directory_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : "."; }

// Commands hold it only while they look at or replace files, never while they wait for a CA.
Lock lock_directory_of(const fs::path& file) { return Lock::acquire(directory_of(file), {}, std::chrono::seconds(10)); }

PrivateKey read_key(const fs::path& file, const std::string& password_file) {
  const auto pem = read_file(file);
  std::optional<Secret> password;
  if (PrivateKey::is_encrypted_pem(pem))
    password = password_file.empty() ? ask_password("Please enter the password to decrypt " + file.string(),
                                                    "give the password with --password-file")
                                     : read_secret(password_file);
  return PrivateKey::from_pem(pem, file.string(), password);
}

}  // namespace

Identity read_pair(const fs::path& certificate, const fs::path& key, const std::string& password_file) {
  {
    const auto lock = lock_directory_of(certificate);
    if (recover_files({certificate, key}))
      say("An interrupted replacement of " + certificate.string() + " was completed.");
  }
  Identity identity{parse_certificates(read_file(certificate), certificate.string()), read_key(key, password_file)};
  require_matching(identity, certificate.string() + " and " + key.string());
  return identity;
}

OutputPair::OutputPair(fs::path certificate, fs::path key, KeyFile key_file, ExistingFiles existing)
    : certificate_(std::move(certificate)), key_(std::move(key)), key_file_(key_file), existing_(existing) {
  if (!fs::is_directory(directory_of(certificate_)))
    throw Error(ErrorKind::missing, "there is no directory " + directory_of(certificate_).string() + " to write to",
                "make it first, or give another path");
  const auto lock = lock_directory_of(certificate_);
  recover_files({certificate_, key_});
  std::vector<FileTarget> targets{{certificate_, mode_of(certificate_, file_mode::private_key)}};
  if (key_file_ == KeyFile::write) targets.push_back({key_, mode_of(key_, file_mode::private_key)});
  std::vector<fs::path> written;
  for (const auto& target : targets) written.push_back(target.path);
  require_replaceable(written, existing_);
  before_ = contents();
  files_.emplace(targets);
}

std::vector<std::optional<std::string>> OutputPair::contents() const {
  return {read_file_if_present(certificate_), read_file_if_present(key_)};
}

void OutputPair::require_unchanged(const Identity& identity) const {
  const auto now = contents();
  if (now == before_) return;
  const Error changed(ErrorKind::conflict,
                      certificate_.string() + " and " + key_.string() + " were changed by somebody else meanwhile",
                      "nothing was written; look at what is there now");
  if (existing_ != ExistingFiles::replace) throw changed;
  if (key_file_ == KeyFile::write) return;
  if (!now[1] || PrivateKey::is_encrypted_pem(*now[1]) || PrivateKey::from_pem(*now[1], key_.string()) != identity.key)
    throw changed;
}

void OutputPair::write(const Identity& identity) {
  const auto lock = lock_directory_of(certificate_);
  require_unchanged(identity);
  files_->write(0, to_pem(identity.chain));
  if (key_file_ == KeyFile::write) files_->write(1, identity.key.to_pem().reveal());
  files_->commit();
}

}  // namespace everleaf::cli
