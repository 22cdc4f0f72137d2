// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/lexer.hpp>

#include <algorithm>

namespace everleaf::templates {
namespace {

using Kind = Token::Kind;
constexpr std::string_view blanks = " \t\r\n";

bool is_blank(char c) { return blanks.find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_of_word(char c) { return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string utf8(std::uint32_t letter) {
  const auto byte = [](std::uint32_t bits) { return static_cast<char>(bits); };
  if (letter < 0x80) return {byte(letter)};
  if (letter < 0x800) return {byte(0xc0 | letter >> 6U), byte(0x80 | (letter & 0x3fU))};
  if (letter < 0x10000)
    return {byte(0xe0 | letter >> 12U), byte(0x80 | (letter >> 6U & 0x3fU)), byte(0x80 | (letter & 0x3fU))};
  return {byte(0xf0 | letter >> 18U), byte(0x80 | (letter >> 12U & 0x3fU)), byte(0x80 | (letter >> 6U & 0x3fU)),
          byte(0x80 | (letter & 0x3fU))};
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  std::vector<Token> all() {
    while (!rest_.empty()) {
      text();
      if (!rest_.empty()) action();
    }
    add(Kind::end, "");
    return std::move(tokens_);
  }

 private:
  void text() {
    const auto open = std::min(rest_.find("{{"), rest_.size());
    auto text = rest_.substr(0, open);
    if (trims_before(rest_.substr(open))) text = text.substr(0, text.find_last_not_of(blanks) + 1);
    if (!text.empty()) add(Kind::text, std::string(text));
    skip(open);
  }
  static bool trims_before(std::string_view rest) {
    return rest.size() > 3 && rest.starts_with("{{-") && is_blank(rest[3]);
  }
  static bool trims_after(std::string_view rest) {
    return !rest.empty() && is_blank(rest[0]) && rest.substr(1).starts_with("-}}");
  }

  void action() {
    const bool trims = trims_before(rest_);
    const unsigned begin = line_;
    if (rest_.substr(trims ? 4 : 2).starts_with("/*")) return comment(trims ? 4 : 2);
    add(Kind::left_delimiter, "{{");
    skip(trims ? 4 : 2);
    int open = 0;
    while (!at_end_of_action()) {
      if (rest_.empty()) throw error_at(begin, "an action has no }}");
      token(open);
    }
    if (open != 0) throw error_at(line_, "a parenthesis is not closed");
    add(Kind::right_delimiter, "}}");
    skip_end_of_action();
  }
  bool at_end_of_action() const { return rest_.starts_with("}}") || trims_after(rest_); }
  void skip_end_of_action() {
    const bool trims = trims_after(rest_);
    skip(trims ? 4 : 2);
    if (trims) skip(std::min(rest_.find_first_not_of(blanks), rest_.size()));
  }
  void comment(std::size_t before) {
    const auto end = rest_.find("*/", before + 2);
    if (end == std::string_view::npos) throw error_at(line_, "a comment has no */");
    skip(end + 2);
    if (!at_end_of_action()) throw error_at(line_, "a comment is not the whole of its action", "write {{/* ... */}}");
    skip_end_of_action();
  }

  void token(int& open) {
    const char c = rest_.front();
    if (is_blank(c)) return space();
    if (c == '"') return quoted_string();
    if (c == '`') return raw_string();
    if (c == '\'') refuse_at(line_, "a character constant", "write a string in double quotes, or a number");
    if (is_digit(c) || c == '+' || c == '-' || (c == '.' && rest_.size() > 1 && is_digit(rest_[1]))) return number();
    if (c == '.' || c == '$' || is_of_word(c)) return word();
    if (c == '(') ++open;
    if (c == ')' && --open < 0) throw error_at(line_, "a parenthesis is closed that is not open");
    punctuation();
  }
  void space() {
    std::size_t length = 0;
    while (length < rest_.size() && is_blank(rest_[length]) && (length == 0 || !trims_after(rest_.substr(length))))
      ++length;
    take(Kind::space, length);
  }
  void punctuation() {
    if (rest_.starts_with(":=")) return take(Kind::declare, 2);
    switch (rest_.front()) {
      case '=': return take(Kind::assign, 1);
      case ',': return take(Kind::comma, 1);
      case '|': return take(Kind::pipe, 1);
      case '(': return take(Kind::left_parenthesis, 1);
      case ')': return take(Kind::right_parenthesis, 1);
      default: throw error_at(line_, "unexpected " + escape(rest_.substr(0, 1)) + " in an action");
    }
  }
  // A field, a variable, the name of a function or a keyword: what follows must end it.
  void word() {
    const char first = rest_.front();
    std::size_t length = 1;
    while (length < rest_.size() && is_of_word(rest_[length])) ++length;
    const auto after = rest_.substr(length);
    if (!after.empty() && static_cast<unsigned char>(after.front()) >= 0x80)
      refuse_at(line_, "a name with letters beyond ASCII", "take it out of its map with index");
    if (!after.empty() && !is_blank(after.front()) &&
        std::string_view(".,|:)(").find(after.front()) == std::string_view::npos && !after.starts_with("}}"))
      throw error_at(line_, "unexpected " + escape(after.substr(0, 1)) + " after " + escape(rest_.substr(0, length)));
    if (first == '.' && length == 1) return take(Kind::dot, 1);
    if (first != '.') return take(first == '$' ? Kind::variable : Kind::word, length);
    add(Kind::field, std::string(rest_.substr(1, length - 1)));
    skip(length);
  }
  void number() {
    std::size_t length = 1;
    while (length < rest_.size() &&
           (is_of_word(rest_[length]) || rest_[length] == '.' ||
            ((rest_[length] == '+' || rest_[length] == '-') && (rest_[length - 1] | 0x20) == 'e')))
      ++length;
    take(Kind::number, length);
  }
  void raw_string() {
    const auto end = rest_.find('`', 1);
    if (end == std::string_view::npos) throw error_at(line_, "a string has no closing `");
    std::string text(rest_.substr(1, end - 1));
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());  // strconv.Unquote
    add(Kind::string, text);
    skip(end + 1);
  }
  void quoted_string() {
    std::string text;
    std::size_t at = 1;
    while (at < rest_.size() && rest_[at] != '"' && rest_[at] != '\n') {
      if (rest_[at] == '\\')
        text += escaped(at);
      else
        text += rest_[at++];
    }
    if (at >= rest_.size() || rest_[at] == '\n') throw error_at(line_, "a string has no closing quote");
    add(Kind::string, text);
    skip(at + 1);
  }
  // One escape of Go's strings, which stands at `at`; moves behind it.
  std::string escaped(std::size_t& at) {
    constexpr std::string_view names = "abfnrtv\\\"";
    constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\\"";
    const char letter = at + 1 < rest_.size() ? rest_[at + 1] : '\n';
    if (const auto found = names.find(letter); found != std::string_view::npos) {
      at += 2;
      return {meanings[found]};
    }
    if (letter >= '0' && letter <= '7') return {static_cast<char>(code(at, 1, 3, 8, 0xff))};
    if (letter == 'x') return {static_cast<char>(code(at, 2, 2, 16, 0xff))};
    if (letter == 'u') return utf8(code(at, 2, 4, 16, 0xffff));
    if (letter == 'U') return utf8(code(at, 2, 8, 16, 0x10ffff));
    throw error_at(line_, "a string has an escape that there is not", "write \\\\ for a backslash");
  }
  std::uint32_t code(std::size_t& at, std::size_t before, std::size_t length, std::uint32_t base, std::uint32_t most) {
    std::uint32_t value = 0;
    for (const char c : rest_.substr(std::min(at + before, rest_.size()), length)) {
      const auto digit = std::string_view("0123456789abcdef").find(is_digit(c) ? c : static_cast<char>(c | 0x20));
      if (digit >= base || value > most) throw error_at(line_, "a string has an escape that there is not");
      value = value * base + static_cast<std::uint32_t>(digit);
    }
    at += before + length;
    if (at > rest_.size() || value > most || (most > 0xff && value >= 0xd800 && value < 0xe000))
      throw error_at(line_, "a string has an escape that there is not");
    return value;
  }

  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  void take(Kind kind, std::size_t length) {
    add(kind, std::string(rest_.substr(0, length)));
    skip(length);
  }
  void skip(std::size_t length) {
    line_ +=
        static_cast<unsigned>(std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(length), '\n'));
    rest_.remove_prefix(length);
  }

  std::string_view rest_;
  unsigned line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

Error error_at(unsigned line, const std::string& text, std::string hint) {
  return Error(ErrorKind::malformed, "line " + std::to_string(line) + ": " + text, std::move(hint));
}

void refuse_at(unsigned line, const std::string& what, const std::string& hint) {
  throw error_at(line, what + " is not supported", hint);
}

std::vector<Token> split_into_tokens(std::string_view text) { return Lexer(text).all(); }

}  // namespace everleaf::templates
