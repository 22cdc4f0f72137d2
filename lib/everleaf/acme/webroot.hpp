// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <everleaf/acme/responder.hpp>

namespace everleaf::acme {

// Files for a web server that serves a directory to the world: readable by everybody, whatever the umask.
class Webroot : public Responder {
 public:
  // Makes the directories below `root`, and removes them in the end. Throws missing or storage.
  explicit Webroot(const std::filesystem::path& root);
  ~Webroot() override;
  Webroot(const Webroot&) = delete;
  Webroot& operator=(const Webroot&) = delete;

  void publish(const std::vector<ChallengeAnswer>& answers) override;

 private:
  void make(const std::filesystem::path& directory);

  std::filesystem::path directory_;
  std::vector<std::filesystem::path> made_;
};

}  // namespace everleaf::acme
