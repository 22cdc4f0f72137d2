// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace everleaf {

enum class ErrorKind {
  usage,          // the caller asked for something that makes no sense
  configuration,  // a configuration or defaults file is wrong
  missing,        // a file, directory or process that must be there is not
  storage,        // reading or writing failed: full, read-only, no permission
  conflict,       // what is on disk is not what we may replace
  malformed,      // bytes that do not parse: PEM, JSON, a token
  crypto,         // a key does not fit, a password is wrong
  connection,     // refused, no route, reset, DNS
  timed_out,
  tls,                // the peer's certificate, or its opinion of ours
  answer,             // the CA's answer is not the protocol: HTML, cut, too large
  server,             // 5xx
  throttled,          // 429, or 503 with Retry-After
  unauthorized,       // 401
  refused,            // any other 4xx but 403
  wrong_certificate,  // the CA issued something else than asked
  hook,               // a program, signal or proxy did not do what we asked
  cancelled,          // we were told to stop
  forbidden,          // 403
  rejected,           // a program or proxy did look at what we gave it, and said no
};

// Thrown when we could not do what was asked. what() is one line: what we tried, then what happened, without a full
// stop. The words of others (a CA, a file, a child process) are kept apart in it by escaping: see escape().
class Error : public std::runtime_error {
 public:
  // Text and hint are made fit for a line by escape(), and cut at 2,000 bytes: file names are somebody's words too.
  Error(ErrorKind kind, const std::string& text, std::string hint = {});

  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }

  // How long the CA asked us to wait (Retry-After), if it did.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }
  Error& set_retry_after(std::optional<std::chrono::seconds> delay);

  // Whether the request certainly never left, so that asking again cannot ask twice.
  bool is_unsent() const { return unsent_; }
  Error& set_unsent();

  // The same error seen from further out: "<doing>: <what>".
  Error within(std::string_view doing) const;
  Error with_hint(std::string hint) const;

 private:
  ErrorKind kind_;
  std::string hint_;
  std::optional<std::chrono::seconds> retry_after_;
  bool unsent_ = false;
};

// errno as an Error: "<doing>: <strerror>". ENOENT is `missing`, everything else `storage`.
Error system_error(std::string_view doing, int error_number);

enum class Advice {
  retry,         // the same request may succeed soon
  retry_slowly,  // only if something changes at the CA
  ask_operator,  // only a person can help; still looked at again now and then
};
Advice advice(const Error& error);

// Somebody else's words made fit for one line of a terminal or log: control characters, those that turn the direction
// of text, and invalid UTF-8 become \xNN, and what is longer than `limit` bytes is cut with "...".
std::string escape(std::string_view foreign, std::size_t limit = 200);

// How many bytes stand before the first that is not part of well-formed UTF-8.
std::size_t length_of_utf8(std::string_view text);

}  // namespace everleaf
