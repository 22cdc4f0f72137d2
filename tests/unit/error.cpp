// SPDX-License-Identifier: Apache-2.0
#include <everleaf/error/error.hpp>

#include <doctest/doctest.h>

#include <cerrno>

using namespace everleaf;
using namespace std::chrono_literals;

TEST_CASE("words that harm nobody stay as they are") {
  for (const auto* text : {"", "plain text", "quotes \" and \\ and 'these'", "Jürgen", "日本語", "\xf0\x9f\x8d\x80"})
    CHECK(escape(text) == text);
}

TEST_CASE("what turns the direction of text, or ends a line, becomes visible") {
  CHECK(escape("a\u202eb\u2066c\u2028d") == "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c\\xe2\\x80\\xa8d");
  for (const auto* text : {"\u200d", "\u2010", "\u2027", "\u202f", "\u2065", "\u206a", "\u212e"})
    CHECK(escape(text) == text);
}

TEST_CASE("control characters and what is no UTF-8 become visible, byte by byte") {
  const std::pair<std::string, const char*> cases[] = {
      {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
      {std::string("nul\0nul", 7), "nul\\x00nul"},
      {"\x1b[31mred\x7f", "\\x1b[31mred\\x7f"},
      {"\xc2\x9b"
       "31m",
       "\\xc2\\x9b31m"},                             // C1: another way to write ESC [
      {"\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"},  // the first and the last of them
      {"\xc2\xa0", "\xc2\xa0"},                      // no more
      {"\x80", "\\x80"},                             // a continuation without a beginning
      {"\xc3", "\\xc3"},                             // cut
      {"\xc3(", "\\xc3("},
      {"\xe6\x97", "\\xe6\\x97"},
      {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong
      {"\xe0\x80\x80", "\\xe0\\x80\\x80"},           // the same in three bytes
      {"\xf0\x80\x80\x80", "\\xf0\\x80\\x80\\x80"},  // and in four
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // half a surrogate pair
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // just beyond Unicode
      {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},  // beyond Unicode
      {"\xff\xfe", "\\xff\\xfe"},
  };
  for (const auto& [foreign, safe] : cases) CHECK(escape(foreign) == safe);
}

TEST_CASE("long words are cut, between characters") {
  CHECK(escape("12345", 5) == "12345");
  CHECK(escape("123456", 5) == "12345...");
  CHECK(escape("1234\xc3\xbc", 5) == "1234\xc3\xbc");
  CHECK(escape("1234\xc3\xbc!", 5) == "1234\xc3\xbc...");
  CHECK(escape(std::string(100'000, 'x')).size() == 203);
  CHECK(escape(std::string(100'000, '\0')).size() <= 210);
}

TEST_CASE("an error seen from further out keeps what it knows") {
  Error inner(ErrorKind::throttled, "the CA is busy", "wait");
  inner.set_retry_after(30s);
  const auto outer = inner.within("cannot renew web");
  CHECK(std::string(outer.what()) == "cannot renew web: the CA is busy");
  CHECK(outer.kind() == ErrorKind::throttled);
  CHECK(outer.hint() == "wait");
  CHECK(outer.retry_after() == 30s);
  const auto hinted = outer.with_hint("wait longer");
  CHECK(std::string(hinted.what()) == outer.what());
  CHECK(hinted.hint() == "wait longer");
  CHECK(hinted.retry_after() == 30s);
}

TEST_CASE("that a request never left is known from further out as well") {
  Error inner(ErrorKind::connection, "cannot talk to the CA");
  CHECK(!inner.is_unsent());
  CHECK(inner.set_unsent().within("cannot renew").is_unsent());
}

TEST_CASE("a system error says what it was, and whether something is missing") {
  const auto missing = system_error("cannot read /x", ENOENT);
  CHECK(std::string(missing.what()) == "cannot read /x: No such file or directory");
  CHECK(missing.kind() == ErrorKind::missing);
  CHECK(system_error("cannot write /x", ENOSPC).kind() == ErrorKind::storage);
}

TEST_CASE("what can be done about an error follows from its kind") {
  const auto advice_on = [](ErrorKind kind) { return advice(Error(kind, "")); };
  for (const auto kind :
       {ErrorKind::connection, ErrorKind::timed_out, ErrorKind::answer, ErrorKind::server, ErrorKind::throttled,
        ErrorKind::storage, ErrorKind::hook, ErrorKind::cancelled, ErrorKind::rejected})
    CHECK(advice_on(kind) == Advice::retry);
  for (const auto kind :
       {ErrorKind::unauthorized, ErrorKind::forbidden, ErrorKind::refused, ErrorKind::wrong_certificate})
    CHECK(advice_on(kind) == Advice::retry_slowly);
  for (const auto kind : {ErrorKind::usage, ErrorKind::configuration, ErrorKind::missing, ErrorKind::conflict,
                          ErrorKind::malformed, ErrorKind::crypto, ErrorKind::tls})
    CHECK(advice_on(kind) == Advice::ask_operator);
}

TEST_CASE("an error is always one line that harms no terminal") {
  const Error error(ErrorKind::storage, "cannot read a\x1b[31mb\nc", "look\tthere");
  CHECK(std::string(error.what()) == "cannot read a\\x1b[31mb\\x0ac");
  CHECK(error.hint() == "look\\x09there");
}
