// SPDX-License-Identifier: Apache-2.0
// Private: included only by sources of template/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/template/value.hpp>

namespace everleaf::templates {

struct Pipeline;

// What a command is made of: `.a.b`, `$x.a`, a literal, `(...).a`, a function.
struct Operand {
  enum class Kind { literal, nil, dot, variable, function, pipeline };
  Kind kind = Kind::dot;
  unsigned line = 0;
  Value literal;
  std::string name;  // of a variable or function
  std::shared_ptr<const Pipeline> pipeline;
  std::vector<std::string> fields;  // taken of it, one after the other
};

using Command = std::vector<Operand>;  // at least one

struct Pipeline {
  std::vector<std::string> variables;  // at most two, and those only for range
  bool assigns = false;                // to variables there are, instead of declaring them
  std::vector<Command> commands;       // at least one
};

struct Node {
  enum class Kind { text, action, if_true, with, range, break_range, continue_range };
  Kind kind = Kind::text;
  unsigned line = 0;
  std::string text;
  Pipeline pipeline;
  std::vector<Node> body;
  std::vector<Node> otherwise;
};

// Go's text/template/parse/parse.go. Throws malformed with the line; what is nested deeper than 100 levels is refused.
std::vector<Node> parse_template(std::string_view text);

}  // namespace everleaf::templates
