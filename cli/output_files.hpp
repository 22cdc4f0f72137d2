// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/files/lock.hpp>
#include <everleaf/x509/tls_credentials.hpp>
#include <everleaf/x509/verify.hpp>
#include "cli/output_options.hpp"
#include "cli/output_set.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {

// The password of a private key: in a file, or typed once and then remembered.
class KeyPassword {
 public:
  // `flag` is by whom the file would be named.
  explicit KeyPassword(std::string file, std::string flag = "--password-file")
      : file_(std::move(file)), flag_(std::move(flag)) {}
  Secret of(const std::filesystem::path& key);

 private:
  std::string file_;
  std::string flag_;
  std::optional<Secret> typed_;
};

// A private key; asks for its password if it is encrypted and no file has it.
PrivateKey read_key(const std::filesystem::path& file, const std::string& password_file);
PrivateKey parse_key(const std::string& pem, const std::filesystem::path& file, const std::string& password_file);

// Reads a pair that an earlier, interrupted command may have left half replaced: that is completed first, with those of
// `outputs`. Throws when a file is missing, does not parse, or the two do not match.
Identity read_pair(const std::filesystem::path& certificate, const std::filesystem::path& key, KeyPassword& password,
                   const OutputOptions& outputs = {}, std::stop_token stop = {});
// The same first step for what is read otherwise.
void complete_interrupted(const std::filesystem::path& certificate, const OutputOptions& outputs);
Identity read_pair(const std::filesystem::path& certificate, const std::filesystem::path& key,
                   const std::string& password_file, const std::string& flag = "--password-file");

// Throws usage if both are one file: a key that is only read must not be written over.
void require_not_its_key(const std::filesystem::path& output, const std::filesystem::path& key);

// What becomes of the key file when a certificate is written. Absent: somebody else has the key; piped: it came by a
// pipe, so that its file is not known.
enum class KeyFile { write, keep, absent, piped };

// A certificate and a key file that a command is going to write, and what `options` want besides. Made before the CA is
// asked, it finds out that they can be written and remembers what was there, so that what somebody else writes
// meanwhile is not lost.
class OutputPair {
 public:
  OutputPair(std::filesystem::path certificate, std::filesystem::path key, KeyFile key_file, ExistingFiles existing,
             const OutputOptions& options = {}, std::stop_token stop = {});

  // All or nothing, under the directory's lock. Throws conflict if certificate or key changed since the constructor and
  // they are not to be replaced whatever they hold; and always rather than leave a certificate beside another key,
  // which is if either changed where the key was piped. The full chain ends with that of `roots` that vouches for it.
  void write(const Identity& identity, const TrustAnchors& roots);
  void write(const std::vector<Certificate>& chain, const TrustAnchors& roots);  // whose key is absent

 private:
  enum class Part { chain_with_leaf, key, leaf, chain, full_chain };

  void want(Part part, const std::filesystem::path& file);
  std::optional<Lock> lock() const;  // of the directory of the first that is a file
  void recover() const;
  bool is_on_disk(const PrivateKey& key) const;
  std::vector<std::optional<std::string>> contents() const;
  void require_unchanged(const PrivateKey* key) const;
  void write(const std::vector<Certificate>& chain, const PrivateKey* key, const TrustAnchors& roots);

  std::filesystem::path certificate_;
  std::filesystem::path key_;
  KeyFile key_file_;
  ExistingFiles existing_;
  std::stop_token stop_;
  std::vector<Part> parts_;
  std::vector<std::filesystem::path> paths_;     // of the parts
  std::vector<std::filesystem::path> replaced_;  // those of them that are files
  std::vector<std::optional<std::string>> before_;
  std::optional<OutputSet> files_;
};

}  // namespace everleaf::cli
