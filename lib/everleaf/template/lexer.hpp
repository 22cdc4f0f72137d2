// SPDX-License-Identifier: Apache-2.0
// Private: included only by sources of template/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <everleaf/error/error.hpp>

namespace everleaf::templates {

struct Token {
  enum class Kind {
    text,  // outside of {{ }}, trimmed where a - says so
    left_delimiter,
    right_delimiter,
    space,
    word,      // of a function, or a keyword
    field,     // ".name"; its text is without the dot
    dot,       // alone
    variable,  // "$name"
    string,    // as its quotes and escapes say
    number,
    declare,  // :=
    assign,   // =
    comma,
    pipe,
    left_parenthesis,
    right_parenthesis,
    end,
  };
  Kind kind;
  std::string text;
  unsigned line;
};

// What is wrong at a line of a template.
Error error_at(unsigned line, const std::string& text, std::string hint = {});
// What Go's templates have and ours have not.
[[noreturn]] void refuse_at(unsigned line, const std::string& what, const std::string& hint);

// Go's text/template/parse/lex.go. Comments are gone; an "end" is the last. Throws malformed with the line.
std::vector<Token> split_into_tokens(std::string_view text);

}  // namespace everleaf::templates
