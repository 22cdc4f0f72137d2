// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/agent/managed_options.hpp"

namespace everleaf::cli {

// The everleafd that works from this configuration, asked at its socket.
class AskAgent {
 public:
  explicit AskAgent(const ConfigurationOption& configuration);

  // Of one certificate. Throws usage if it cannot be the name of one.
  static std::string path_of(const std::string& certificate);
  // Its answer. Throws missing, with a hint, if it does not run or there is no such certificate; storage, with a hint,
  // if we may not ask it; answer for nonsense.
  nlohmann::ordered_json get(const std::string& path) const;
  nlohmann::ordered_json post(const std::string& path) const;

 private:
  nlohmann::ordered_json ask(const std::string& method, const std::string& path) const;

  std::filesystem::path socket_;
};

// A member of an answer, fit for a terminal; "" if it has no such text.
std::string text_in(const nlohmann::ordered_json& object, const char* member);
// When something is tried next; "now" while it is being tried.
std::string next_try_in(const nlohmann::ordered_json& object, const char* member);

}  // namespace everleaf::cli
