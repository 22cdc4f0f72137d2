// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <everleaf/files/file_set.hpp>
#include <everleaf/x509/tls_credentials.hpp>
#include "cli/terminal.hpp"

namespace everleaf::cli {

// Reads a pair that an earlier, interrupted command may have left half replaced: that is completed first. Throws when a
// file is missing, does not parse, or the two do not match.
Identity read_pair(const std::filesystem::path& certificate, const std::filesystem::path& key,
                   const std::string& password_file);

// What becomes of the key file when a certificate is written.
enum class KeyFile { write, keep };

// A certificate and a key file that a command is going to write. Made before the CA is asked, it finds out that they
// can be written and remembers what was there, so that what somebody else writes meanwhile is not lost.
class OutputPair {
 public:
  OutputPair(std::filesystem::path certificate, std::filesystem::path key, KeyFile key_file, ExistingFiles existing);

  // Both or neither, under the directory's lock. Throws conflict if one of the files changed since the constructor and
  // they are not to be replaced whatever they hold; and always rather than leave a certificate beside another key.
  void write(const Identity& identity);

 private:
  std::vector<std::optional<std::string>> contents() const;
  void require_unchanged(const Identity& identity) const;

  std::filesystem::path certificate_;
  std::filesystem::path key_;
  KeyFile key_file_;
  ExistingFiles existing_;
  std::vector<std::optional<std::string>> before_;
  std::optional<FileSet> files_;
};

}  // namespace everleaf::cli
