// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/webroot.hpp>

#include <unistd.h>

#include <cerrno>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>

namespace everleaf::acme {
namespace {

namespace fs = std::filesystem;

void remove_all(std::vector<fs::path>& made) {
  std::error_code ignored;  // what is not empty is used by somebody
  for (; !made.empty(); made.pop_back()) fs::remove(made.back(), ignored);
}

}  // namespace

Webroot::Webroot(const fs::path& root) : directory_(root / ".well-known" / "acme-challenge") {
  if (!fs::is_directory(root)) throw Error(ErrorKind::missing, "there is no directory " + root.string());
  try {
    make(directory_.parent_path());
    make(directory_);
    if (::access(directory_.c_str(), W_OK | X_OK) != 0)
      throw system_error("cannot write to " + directory_.string(), errno);
  } catch (...) {
    remove_all(made_);
    throw;
  }
}

Webroot::~Webroot() { remove_all(made_); }

void Webroot::make(const fs::path& directory) {
  std::error_code error;
  if (!fs::create_directory(directory, error)) {
    if (error) throw system_error("cannot make " + directory.string(), error.value());
    return;
  }
  made_.push_back(directory);
  fs::permissions(directory, fs::perms(0755));
}

void Webroot::publish(const std::vector<ChallengeAnswer>& answers) {
  for (const auto& answer : answers) {
    made_.push_back(directory_ / answer.token);
    replace_file(made_.back(), answer.key_authorization, 0644);
  }
}

}  // namespace everleaf::acme
