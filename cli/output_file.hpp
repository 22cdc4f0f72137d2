// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/output_set.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {

// Where a command puts its result: a file (0600 unless said otherwise, as step has it), a pipe or a device, or standard
// output if none was named. Made before the CA is asked, it finds out that the file may be replaced and can be written.
class OutputFile {
 public:
  OutputFile(const std::string& file, ExistingFiles existing, mode_t mode = file_mode::private_key);

  // Whether it went to a file, so that this can be said; `member` is what it is called with --json if it did not.
  bool write(std::string_view contents, const std::string& member = "output");

 private:
  std::string name_;
  std::optional<OutputSet> output_;
};

}  // namespace everleaf::cli
