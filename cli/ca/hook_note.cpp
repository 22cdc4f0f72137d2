// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/hook_note.hpp"

#include <everleaf/files/atomic_file.hpp>

namespace everleaf::cli {

HookNote::HookNote(const std::filesystem::path& certificate)
    : file_(certificate.parent_path() / ("." + certificate.filename().string() + ".everleaf-hook")) {}

bool HookNote::is_owed(const Fingerprint& leaf) const {
  const auto text = read_file_if_present(file_);
  return text && Fingerprint::parse(text->substr(0, text->find('\n'))) == leaf;
}

void HookNote::owe(const Fingerprint& leaf) const { replace_file(file_, leaf.hex() + "\n", file_mode::certificate); }

void HookNote::settle() const {
  remove_file(file_);
  remove_stray_temporaries(file_);  // of a run that was killed while it wrote it
}

}  // namespace everleaf::cli
