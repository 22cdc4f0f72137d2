// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <everleaf/x509/fingerprint.hpp>

namespace everleaf::cli {

// Remembers over restarts that a hook has not heard of a certificate: `.NAME.everleaf-hook` beside its file, with the
// leaf's SHA-256. Written before the certificate is, so that no crash loses it; one that names another leaf than the
// one that is there says nothing.
class HookNote {
 public:
  explicit HookNote(const std::filesystem::path& certificate);

  bool is_owed(const Fingerprint& leaf) const;
  void owe(const Fingerprint& leaf) const;
  void settle() const;

 private:
  std::filesystem::path file_;
};

}  // namespace everleaf::cli
