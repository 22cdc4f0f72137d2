// SPDX-License-Identifier: Apache-2.0
#include <everleaf/error/error.hpp>

#include <cerrno>
#include <system_error>

namespace everleaf {

constexpr std::size_t longest_text = 2000;

Error::Error(ErrorKind kind, const std::string& text, std::string hint)
    : std::runtime_error(escape(text, longest_text)), kind_(kind), hint_(escape(hint, longest_text)) {}

Error& Error::set_retry_after(std::optional<std::chrono::seconds> delay) {
  retry_after_ = delay;
  return *this;
}

Error& Error::set_unsent() {
  unsent_ = true;
  return *this;
}

Error Error::within(std::string_view doing) const {
  Error outer(kind_, std::string(doing) + ": " + what(), hint_);
  outer.retry_after_ = retry_after_;
  outer.unsent_ = unsent_;
  return outer;
}

Error Error::with_hint(std::string hint) const {
  Error same = *this;
  same.hint_ = std::move(hint);
  return same;
}

Error system_error(std::string_view doing, int error_number) {
  const auto kind = error_number == ENOENT ? ErrorKind::missing : ErrorKind::storage;
  return Error(kind, std::string(doing) + ": " + std::generic_category().message(error_number));
}

Advice advice(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::connection:
    case ErrorKind::timed_out:
    case ErrorKind::answer:
    case ErrorKind::server:
    case ErrorKind::throttled:
    case ErrorKind::storage:
    case ErrorKind::hook:
    case ErrorKind::cancelled:
    case ErrorKind::rejected: return Advice::retry;
    case ErrorKind::unauthorized:
    case ErrorKind::forbidden:
    case ErrorKind::refused:
    case ErrorKind::wrong_certificate: return Advice::retry_slowly;
    case ErrorKind::usage:
    case ErrorKind::configuration:
    case ErrorKind::missing:
    case ErrorKind::conflict:
    case ErrorKind::malformed:
    case ErrorKind::crypto:
    case ErrorKind::tls: return Advice::ask_operator;
  }
  return Advice::ask_operator;
}

namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  const auto second = length > 1 ? static_cast<unsigned char>(text[1]) : 0;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool no_character =
      (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);  // surrogates, too large
  return overlong || no_character ? 0 : length;
}

bool is_control(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7f;
  return lead == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;  // C1 controls
}

// Line separators, and what turns the direction of the text after it: on a terminal it can show another text than it is
// (Unicode Standard Annex 9, section 2).
bool moves_text(std::string_view character) {
  if (!character.starts_with('\xe2') || character.size() != 3) return false;
  const auto second = static_cast<unsigned char>(character[1]), third = static_cast<unsigned char>(character[2]);
  if (second == 0x81) return third >= 0xa6 && third <= 0xa9;
  return second == 0x80 && (third == 0x8e || third == 0x8f || (third >= 0xa8 && third <= 0xae));
}

}  // namespace

std::string escape(std::string_view foreign, std::size_t limit) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string safe;
  while (!foreign.empty()) {
    if (safe.size() >= limit) return safe + "...";
    const std::size_t length = utf8_length(foreign);
    const auto character = foreign.substr(0, length);
    if (length != 0 && !is_control(character) && !moves_text(character)) {
      safe += character;
      foreign.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<unsigned char>(foreign[0]);
    safe += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    foreign.remove_prefix(1);
  }
  return safe;
}

std::size_t length_of_utf8(std::string_view text) {
  std::size_t at = 0;
  for (std::size_t length = 1; at < text.size() && length != 0; at += length) length = utf8_length(text.substr(at));
  return at;
}

}  // namespace everleaf
