// SPDX-License-Identifier: Apache-2.0
#include "cli/output_files.hpp"

#include <algorithm>

#include <everleaf/files/streams.hpp>
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

namespace fs = std::filesystem;

fs::path directory_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : "."; }

// Commands hold it only while they look at or replace files, never while they wait for a CA.
Lock lock_directory_of(const fs::path& file, std::stop_token stop) {
  return Lock::acquire(directory_of(file), std::move(stop), std::chrono::seconds(10));
}

PrivateKey parse_key(const std::string& pem, const fs::path& file, KeyPassword& password) {
  if (!PrivateKey::is_encrypted_pem(pem)) return PrivateKey::from_pem(pem, file.string());
  return PrivateKey::from_pem(pem, file.string(), password.of(file));
}

// `chain` was accepted, so that a root vouches for it; with several of one name it is not seen which.
std::vector<Certificate> with_root(std::vector<Certificate> chain, const TrustAnchors& anchors) {
  const auto at = std::max(system_now(), chain.front().validity().not_before);
  const auto* roots = std::get_if<std::vector<Certificate>>(&anchors);
  const auto root = roots != nullptr ? root_of(chain, *roots, at) : std::nullopt;
  if (root && chain.back() != *root) chain.push_back(*root);
  if (root) return chain;
  throw Error(ErrorKind::usage, "the root for --out-fullchain is not known", "give it with --root");
}

// Of what the two files, or pipes, hold.
Identity parse_pair(const std::string& certificate_bytes, const std::string& key_pem, const fs::path& certificate,
                    const fs::path& key, KeyPassword& password) {
  Identity identity{parse_certificates_or_der(certificate_bytes, certificate.string()),
                    parse_key(key_pem, key, password)};
  require_matching(identity, certificate.string() + " and " + key.string());
  return identity;
}

void recover(std::vector<fs::path> files, const OutputOptions& outputs) {
  const auto first = files.front().string();
  for (const auto& part : outputs.parts()) files.push_back(part);
  std::transform(files.begin(), files.end(), files.begin(), behind_links);
  if (recover_files(files)) say("An interrupted replacement of " + first + " was completed.");
}

}  // namespace

void require_not_its_key(const fs::path& output, const fs::path& key) {
  std::error_code none;
  if (output != key && !fs::equivalent(output, key, none)) return;
  throw Error(ErrorKind::usage, output.string() + " holds the key, which would be lost",
              "keep certificate and key in two files, or write to another one");
}

Secret KeyPassword::of(const fs::path& key) {
  if (!file_.empty()) return read_secret_input(file_);
  if (!typed_)
    typed_ = ask_password("Please enter the password to decrypt " + key.string(), "give the password with " + flag_);
  return *typed_;
}

PrivateKey read_key(const fs::path& file, const std::string& password_file) {
  return parse_key(read_input(file), file, password_file);
}

PrivateKey parse_key(const std::string& pem, const fs::path& file, const std::string& password_file) {
  KeyPassword password(password_file);
  return parse_key(pem, file, password);
}

void complete_interrupted(const fs::path& certificate, const OutputOptions& outputs) {
  const auto lock = lock_directory_of(behind_links(certificate), {});
  recover({certificate}, outputs);
}

Identity read_pair(const fs::path& certificate, const fs::path& key, KeyPassword& password,
                   const OutputOptions& outputs, std::stop_token stop) {
  std::string certificate_bytes;
  std::string key_pem;
  {
    const auto lock = lock_directory_of(behind_links(certificate), std::move(stop));
    recover({certificate, key}, outputs);
    certificate_bytes = read_file(certificate);
    key_pem = read_file(key);
  }
  return parse_pair(certificate_bytes, key_pem, certificate, key, password);
}

Identity read_pair(const fs::path& certificate, const fs::path& key, const std::string& password_file,
                   const std::string& flag) {
  KeyPassword password(password_file, flag);
  if (!is_stream(certificate) && !is_stream(key)) return read_pair(certificate, key, password);
  const auto certificate_bytes = read_input(certificate);
  return parse_pair(certificate_bytes, read_input(key), certificate, key, password);
}

OutputPair::OutputPair(fs::path certificate, fs::path key, KeyFile key_file, ExistingFiles existing,
                       const OutputOptions& options, std::stop_token stop)
    : certificate_(behind_links(std::move(certificate))),
      key_(key_file == KeyFile::keep ? std::move(key) : behind_links(std::move(key))),
      key_file_(key_file),
      existing_(existing),
      stop_(std::move(stop)) {
  if (!fs::is_directory(directory_of(certificate_)))
    throw Error(ErrorKind::missing, "there is no directory " + directory_of(certificate_).string() + " to write to",
                "make it first, or give another path");
  want(Part::chain_with_leaf, certificate_);
  if (key_file_ == KeyFile::write) want(Part::key, key_);
  want(Part::leaf, options.leaf);
  want(Part::chain, options.chain);
  want(Part::full_chain, options.full_chain);
  if (key_file_ == KeyFile::keep)
    for (const auto& path : paths_) require_not_its_key(path, key_);

  require_replaceable(paths_, ExistingFiles::replace);  // but for directories
  {
    const auto held = lock();
    recover();
    before_ = contents();
  }
  require_replaceable(paths_, existing_);  // may ask somebody: nobody else waits for the answer
  std::vector<FileTarget> targets;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto holds = parts_[i] == Part::key ? OutputOptions::Holds::key : OutputOptions::Holds::certificates;
    targets.push_back({paths_[i], options.access_to(paths_[i], holds)});
  }
  files_.emplace(targets);
}

std::optional<Lock> OutputPair::lock() const {
  if (replaced_.empty()) return std::nullopt;
  return lock_directory_of(replaced_.front(), stop_);
}

void OutputPair::recover() const {
  auto known = replaced_;
  if (key_file_ == KeyFile::keep) known.push_back(behind_links(key_));  // of a record that was left by a rekey
  recover_files(known);
}

void OutputPair::want(Part part, const fs::path& file) {
  if (file.empty()) return;
  parts_.push_back(part);
  paths_.push_back(behind_links(file));
  if (!is_output_stream(file)) replaced_.push_back(paths_.back());
}

std::vector<std::optional<std::string>> OutputPair::contents() const {
  std::vector<std::optional<std::string>> both;
  for (const auto& file : {certificate_, key_})
    both.push_back(file.empty() || is_output_stream(file) ? std::nullopt : read_file_if_present(file));
  return both;
}

// Whether that file holds this key now; where it is encrypted, what it did.
bool OutputPair::is_on_disk(const PrivateKey& key) const {
  const auto now = read_file_if_present(key_);
  if (!now) return false;
  if (PrivateKey::is_encrypted_pem(*now)) return now == before_[1];
  try {
    return PrivateKey::from_pem(*now, key_.string()) == key;
  } catch (const Error&) {  // somebody put something else there
    return false;
  }
}

void OutputPair::require_unchanged(const PrivateKey* key) const {
  const auto what =
      key_.empty() ? certificate_.string() + " was" : certificate_.string() + " and " + key_.string() + " were";
  const Error changed(ErrorKind::conflict, what + " changed by somebody else meanwhile",
                      "nothing was written; look at what is there now");
  const bool may_have_changed = existing_ == ExistingFiles::replace && key_file_ != KeyFile::piped;
  if (!may_have_changed && contents() != before_) throw changed;
  if (key_file_ == KeyFile::keep && !is_on_disk(*key)) throw changed;
}

void OutputPair::write(const Identity& identity, const TrustAnchors& roots) {
  write(identity.chain, &identity.key, roots);
}

void OutputPair::write(const std::vector<Certificate>& chain, const TrustAnchors& roots) {
  write(chain, nullptr, roots);
}

void OutputPair::write(const std::vector<Certificate>& chain, const PrivateKey* key, const TrustAnchors& roots) {
  const auto held = lock();
  recover();  // somebody may have been killed meanwhile
  require_unchanged(key);
  for (std::size_t i = 0; i < parts_.size(); ++i) switch (parts_[i]) {
      case Part::chain_with_leaf: files_->write(i, to_pem(chain)); break;
      case Part::key: files_->write(i, key->to_pem().reveal()); break;
      case Part::leaf: files_->write(i, chain.front().to_pem()); break;
      case Part::chain: files_->write(i, to_pem({chain.begin() + 1, chain.end()})); break;
      case Part::full_chain: files_->write(i, to_pem(with_root(chain, roots))); break;
    }
  files_->commit();
  for (const auto& path : paths_) tell_written(path);
  tell_certificate(chain.front());
}

}  // namespace everleaf::cli
