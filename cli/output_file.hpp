// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <everleaf/files/atomic_file.hpp>
#include "cli/terminal.hpp"

namespace everleaf::cli {

// Where a command puts its result: a file (0600, as step has it), or standard output if no file was named. Made before
// the CA is asked, it finds out that the file may be replaced and can be written.
class OutputFile {
 public:
  OutputFile(const std::string& file, ExistingFiles existing);

  // Whether it went to a file, so that this can be said.
  bool write(std::string_view contents);

 private:
  std::optional<AtomicFile> file_;
};

}  // namespace everleaf::cli
