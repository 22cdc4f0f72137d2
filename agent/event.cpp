// SPDX-License-Identifier: Apache-2.0
#include "agent/event.hpp"

#include <cstdio>
#include <cstdlib>

#include <everleaf/time/time.hpp>

namespace everleaf::agent {
namespace {

std::string quoted(const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"=\\") == std::string::npos) return value;
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

const char* level_of(Priority priority) {
  switch (priority) {
    case Priority::error: return "error";
    case Priority::warning: return "warning";
    case Priority::info: return "info";
  }
  return "info";
}

}  // namespace

std::string to_line(const Event& event) {
  std::string line = "event=" + event.name;
  for (const auto& [key, value] : event.fields)
    if (!value.empty()) line += " " + key + "=" + quoted(value);
  return line;
}

Log stderr_log() {
  const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  return [journal](const Event& event) {
    const auto line = to_line(event);
    if (journal)
      std::fprintf(stderr, "<%d>%s\n", static_cast<int>(event.priority), line.c_str());
    else
      std::fprintf(stderr, "time=%s level=%s %s\n", format_time(system_now()).c_str(), level_of(event.priority),
                   line.c_str());
  };
}

}  // namespace everleaf::agent
