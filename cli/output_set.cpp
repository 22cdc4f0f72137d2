// SPDX-License-Identifier: Apache-2.0
#include "cli/output_set.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace everleaf::cli {

std::filesystem::path behind_links(std::filesystem::path file) {
  namespace fs = std::filesystem;
  struct stat found {};
  for (int more = 40; more > 0 && ::lstat(file.c_str(), &found) == 0 && S_ISLNK(found.st_mode); --more) {
    if ((found.st_uid != 0 && found.st_uid != ::geteuid()) || is_output_stream(file)) break;
    const auto target = file.parent_path() / fs::read_symlink(file);
    file = fs::weakly_canonical(target.parent_path()) / target.filename();
  }
  return file;
}

OutputSet::OutputSet(const std::vector<FileTarget>& targets) {
  std::vector<FileTarget> files;
  for (const auto& target : targets)
    if (is_output_stream(target.path)) {
      places_.push_back({true, streams_.size()});
      streams_.push_back({target.path, open_output_stream(target.path)});
    } else {
      places_.push_back({false, files.size()});
      files.push_back({behind_links(target.path), target.access});
    }
  files_.emplace(files);
}

void OutputSet::write(std::size_t index, std::string_view contents) {
  const auto place = places_.at(index);
  if (place.is_stream)
    streams_[place.index].contents = Secret(std::string(contents));
  else
    files_->write(place.index, contents);
}

void OutputSet::commit() {
  files_->commit();
  for (const auto& stream : streams_) write_to_stream(stream.descriptor, stream.contents.reveal(), stream.path);
}

}  // namespace everleaf::cli
