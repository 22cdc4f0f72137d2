// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.hpp"

#include "cli/report.hpp"

namespace everleaf::cli {

OutputFile::OutputFile(const std::string& file, ExistingFiles existing, mode_t mode) : name_(file) {
  if (file.empty()) return;
  require_replaceable({file}, existing);
  output_.emplace(std::vector<FileTarget>{{file, mode_of(file, mode)}});
  if (!is_output_stream(file)) remove_stray_temporaries(behind_links(file));
}

bool OutputFile::write(std::string_view contents, const std::string& member) {
  if (!output_) {
    print(member, contents);
    return false;
  }
  output_->write(0, contents);
  output_->commit();
  tell_written(name_);
  return true;
}

}  // namespace everleaf::cli
