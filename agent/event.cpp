// SPDX-License-Identifier: Apache-2.0
#include "agent/event.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

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

// systemd.exec(5): $JOURNAL_STREAM names the device and inode that stderr had when we were started.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

std::string journal_field(std::string key, const std::string& value) {
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::toupper(c); });
  return "EVERLEAF_" + key + "=" + value;
}

void to_journal(const Event& event) {
  std::vector<std::string> texts{"MESSAGE=" + to_line(event),
                                 "PRIORITY=" + std::to_string(static_cast<int>(event.priority)),
                                 journal_field("event", event.name)};
  for (const auto& [key, value] : event.fields) texts.push_back(journal_field(key, value));
  std::vector<iovec> fields;
  for (auto& text : texts) fields.push_back({text.data(), text.size()});
  ::sd_journal_sendv(fields.data(), static_cast<int>(fields.size()));
}

void to_stderr(const Event& event) {
  std::fprintf(stderr, "time=%s level=%s %s\n", format_time(system_now()).c_str(), level_of(event.priority),
               to_line(event).c_str());
}

}  // namespace

Event event_of(const std::string& certificate, Priority priority, std::string name, std::vector<Field> fields) {
  fields.insert(fields.begin(), {"certificate", certificate});
  return {priority, std::move(name), std::move(fields)};
}

std::string to_line(const Event& event) {
  std::string line = "event=" + event.name;
  for (const auto& [key, value] : event.fields)
    if (!value.empty()) line += " " + key + "=" + quoted(value);
  return line;
}

Log stderr_log() { return stderr_is_the_journal() ? to_journal : to_stderr; }

}  // namespace everleaf::agent
