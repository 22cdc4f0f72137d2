// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.hpp"

#include "cli/report.hpp"

namespace everleaf::cli {

OutputFile::OutputFile(const std::string& file, ExistingFiles existing, mode_t mode) : name_(file) {
  if (file.empty()) return;
  require_replaceable({file}, existing);
  file_.emplace(file, mode_of(file, mode)).reserve();
  remove_stray_temporaries(file);
}

bool OutputFile::write(std::string_view contents, const std::string& member) {
  if (!file_) {
    print(member, contents);
    return false;
  }
  file_->write(contents);
  file_->commit();
  tell_written(name_);
  return true;
}

}  // namespace everleaf::cli
