// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace everleaf::agent {

// Syslog's priorities, as far as we use them.
enum class Priority { error = 3, warning = 4, info = 6 };

struct Field {
  std::string key;
  std::string value;
};

// Something that happened: one line of log. Never holds a key, a token or a password; the words of others in it are
// escaped.
struct Event {
  Priority priority = Priority::info;
  std::string name;
  std::vector<Field> fields;
};

// What happened to a certificate.
Event event_of(const std::string& certificate, Priority priority, std::string name, std::vector<Field> fields);

using Log = std::function<void(const Event&)>;

// Fields without a value are left out: "event=delivered certificate=upstream why=\"its renewal is not due\"".
std::string to_line(const Event& event);

// Writes each event to stderr with the time in front; if stderr is the journal, as an entry of the journal with the
// fields EVERLEAF_EVENT, EVERLEAF_CERTIFICATE, EVERLEAF_PROXY ... and the line as its message.
Log stderr_log();

}  // namespace everleaf::agent
