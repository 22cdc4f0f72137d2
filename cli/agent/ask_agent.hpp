// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include <everleaf/http/local_http.hpp>
#include "cli/agent/managed_options.hpp"

namespace everleaf::cli {

// Which everleafd is asked.
struct AgentOptions {
  ConfigurationOption configuration;
  std::filesystem::path socket;  // empty: as configured

  void add_to(CLI::App& command);
};

// The everleafd that works from this configuration, asked at its socket. One that is broken does not keep us from
// asking who runs with the last good one: its problem is thrown only if nobody does.
class AskAgent {
 public:
  explicit AskAgent(const AgentOptions& options);

  // Its answers. Throw missing, with a hint, if it does not run; storage, with a hint, if we may not ask it; answer for
  // nonsense; usage, with a hint, if there is no such certificate.
  nlohmann::ordered_json status() const;
  nlohmann::ordered_json status_of(const std::string& certificate) const;
  nlohmann::ordered_json renew(const std::string& certificate) const;

 private:
  bool works_from(const std::filesystem::path& file) const;
  HttpResponse ask(const std::string& method, const std::string& path) const;
  nlohmann::ordered_json ask_of(const std::string& certificate, const std::string& method,
                                const std::string& action) const;
  [[noreturn]] void reject(const std::string& certificate) const;

  std::filesystem::path socket_;
  std::optional<ConfigurationOption> broken_;
};

// The result of `action`, which reads answers. Throws answer where they are not of the form that everleafd's have.
int with_answers(const std::function<int()>& action);

// A member of an answer, fit for a terminal; "" if it has no such text.
std::string text_in(const nlohmann::ordered_json& object, const char* member);
// When something is tried next; "now" while it is being tried.
std::string next_try_in(const nlohmann::ordered_json& object, const char* member);

}  // namespace everleaf::cli
