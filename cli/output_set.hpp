// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/files/file_set.hpp>
#include <everleaf/files/streams.hpp>

namespace everleaf::cli {

// What a link at `file` leads to, through all links: that is what is replaced, and they stay, as with step. One that is
// neither ours nor root's is not followed, as the kernel's protected_symlinks has it: whoever made it must not choose
// what we overwrite. A stream is what it was.
std::filesystem::path behind_links(std::filesystem::path file);

// A FileSet in which pipes and devices may stand. They get theirs last: what went out cannot be taken back.
class OutputSet {
 public:
  explicit OutputSet(const std::vector<FileTarget>& targets);
  void write(std::size_t index, std::string_view contents);
  void commit();

 private:
  struct Stream {
    std::filesystem::path path;
    Descriptor descriptor;
    Secret contents{};
  };
  struct Place {
    bool is_stream;
    std::size_t index;  // among the streams, or the files
  };

  std::vector<Place> places_;
  std::vector<Stream> streams_;
  std::optional<FileSet> files_;
};

}  // namespace everleaf::cli
