// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.hpp"

#include <cstdio>

namespace everleaf::cli {

OutputFile::OutputFile(const std::string& file, ExistingFiles existing) {
  if (file.empty()) return;
  require_replaceable({file}, existing);
  file_.emplace(file, file_mode::private_key);
  remove_stray_temporaries(file);
}

bool OutputFile::write(std::string_view contents) {
  if (!file_) {
    std::fwrite(contents.data(), 1, contents.size(), stdout);
    return false;
  }
  file_->write(contents);
  file_->commit();
  return true;
}

}  // namespace everleaf::cli
