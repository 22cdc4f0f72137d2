// SPDX-License-Identifier: Apache-2.0
// Of x509/ only its SHA-256: what is compared here is never looked into.
#include <everleaf/files/file_set.hpp>

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>

#include <everleaf/files/file.hpp>
#include <everleaf/files/intent_record.hpp>
#include <everleaf/files/system_calls.hpp>
#include <everleaf/x509/fingerprint.hpp>

namespace everleaf {
namespace {

void sync_all(const std::set<std::filesystem::path>& directories) {
  for (const auto& directory : directories) sync_directory(directory);
}

std::optional<std::string> digest_on_disk(const std::filesystem::path& path) {
  constexpr std::size_t limit = 1 << 26;
  const auto file = open_path(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file.is_open()) return Fingerprint::of(read_regular(file.get(), limit, path)).hex();
  if (errno == ENOENT) return std::nullopt;
  throw file_error("read", path, errno);
}

Error interrupted(const std::filesystem::path& record, const std::string& why) {
  return Error(ErrorKind::conflict,
               "cannot complete the interrupted replacement that " + record.string() + " describes: " + why,
               "see that the files it names fit together, then remove it");
}

enum class Progress { pending, done, changed };

struct Half {
  std::filesystem::path target;
  std::filesystem::path temporary;
  Progress progress;
};

Progress progress_of(const Half& half, const std::string& digest) {
  if (const auto waiting = digest_on_disk(half.temporary))
    return waiting == digest ? Progress::pending : Progress::changed;
  return digest_on_disk(half.target) == digest ? Progress::done : Progress::changed;
}

// Whoever may write the record there may also rename files there.
bool is_beside(const std::filesystem::path& record, const std::filesystem::path& other) {
  return other.parent_path() == std::filesystem::path(comparable_path(record)).parent_path();
}

std::vector<Half> compare_with_disk(const IntentRecord& intent, const std::vector<std::filesystem::path>& paths,
                                    const std::filesystem::path& record) {
  std::vector<Half> halves;
  for (const auto& intended : intent) {
    const auto target = std::find_if(paths.begin(), paths.end(),
                                     [&](const auto& path) { return comparable_path(path) == intended.path; });
    if (target == paths.end() && !is_beside(record, intended.path))
      throw interrupted(record, "it names " + escape(intended.path) + " too");
    const std::filesystem::path path = target == paths.end() ? std::filesystem::path(intended.path) : *target;
    auto& half = halves.emplace_back(path, temporary_path(path, intended.suffix), Progress::pending);
    half.progress = progress_of(half, intended.sha256);
  }
  return halves;
}

// Whether anything was left to rename. No temporary left: it was completed, whatever became of the files since.
bool complete(const std::vector<Half>& halves, const std::filesystem::path& record) {
  const auto is_changed = [](const Half& half) { return half.progress == Progress::changed; };
  const auto changed = std::find_if(halves.begin(), halves.end(), is_changed);
  const auto is_left = [](const Half& half) { return ::access(half.temporary.c_str(), F_OK) == 0; };
  if (changed != halves.end() && std::any_of(halves.begin(), halves.end(), is_left))
    throw interrupted(record, changed->target.string() + " was changed meanwhile");
  bool renamed = false;
  std::set<std::filesystem::path> directories;
  for (const auto& half : halves) {
    directories.insert(directory_of(half.target));
    if (half.progress != Progress::pending) continue;
    if (::rename(half.temporary.c_str(), half.target.c_str()) != 0) throw file_error("replace", half.target, errno);
    renamed = true;
  }
  sync_all(directories);
  return renamed;
}

// Not synced: one that comes back with the power names no temporary that is left.
void drop_record(const std::filesystem::path& record) {
  if (::unlink(record.c_str()) != 0 && errno != ENOENT) throw file_error("remove", record, errno);
}

IntentRecord intent_of(const std::vector<AtomicFile>& files, const std::vector<std::string>& digests) {
  IntentRecord record;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (!digests[i].empty())
      record.push_back({.path = comparable_path(files[i].target()),
                        .suffix = temporary_suffix(files[i].target(), files[i].temporary().filename()).value(),
                        .sha256 = digests[i]});
  return record;
}

}  // namespace

FileSet::FileSet(const std::vector<FileTarget>& targets) {
  std::set<std::string> paths;
  for (const auto& target : targets) {
    if (!paths.insert(comparable_path(target.path)).second)
      throw Error(ErrorKind::usage, "two files cannot both be " + target.path.string());
    files_.emplace_back(target.path, target.access).reserve();
  }
  digests_.resize(files_.size());
}

void FileSet::write(std::size_t index, std::string_view contents) {
  files_.at(index).fill(contents);
  digests_.at(index) = Fingerprint::of(contents).hex();
}

void FileSet::commit() {
  std::vector<AtomicFile*> written;
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (!digests_[i].empty()) written.push_back(&files_[i]);
  if (written.size() > 1) return commit_together(written);
  for (auto* file : written) {
    file->sync_contents();
    file->commit();
  }
}

void FileSet::commit_together(const std::vector<AtomicFile*>& written) {
  const auto record = intent_path(files_.front().target());
  std::set<std::filesystem::path> directories;
  for (const auto* file : written) directories.insert(directory_of(file->target()));
  std::size_t renamed = 0;
  try {
    AtomicFile promise(record, file_mode::private_key);
    promise.fill(text_of(intent_of(files_, digests_)));
    // Once all are written: then the journal of a file system takes them in one go.
    for (const auto* file : written) file->sync_contents();
    promise.sync_contents();
    sync_all(directories);  // a record that outlives a power loss must find its temporaries
    for (const auto* file : written) file->promise();
    promise.commit();
    for (auto* file : written) {
      file->put_in_place();
      ++renamed;
    }
    sync_all(directories);
    drop_record(record);
  } catch (...) {
    const bool withdrawn = renamed == 0 && (::unlink(record.c_str()) == 0 || errno == ENOENT);
    // With the record standing, the temporaries are needed: recover_files() goes on from here.
    if (!withdrawn)
      for (auto* file : written) file->leave_behind();
    throw;
  }
}

bool recover_files(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty()) return false;
  const auto record = intent_path(paths.front());
  bool completed = false;
  if (const auto intent = read_intent_record(record)) {
    completed = complete(compare_with_disk(*intent, paths, record), record);
    drop_record(record);
  }
  for (const auto& path : paths) remove_stray_temporaries(path);
  remove_stray_temporaries(record);
  return completed;
}

}  // namespace everleaf
