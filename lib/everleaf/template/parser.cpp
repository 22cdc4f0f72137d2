// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/parser.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

#include <everleaf/template/functions.hpp>
#include <everleaf/template/lexer.hpp>

namespace everleaf::templates {
namespace {

constexpr unsigned deepest_nesting = 100;

// As the ideal constants of Go's templates, of decimal numbers.
Value number_of(const Token& token) {
  const auto digits =
      std::string_view(token.text).substr(std::min(token.text.find_first_not_of("+-"), token.text.size()));
  const bool whole = digits.find_first_not_of("0123456789") == std::string_view::npos;
  const bool known = digits.size() == token.text.size() || digits.size() + 1 == token.text.size();
  if (!known || digits.empty() || digits.find_first_not_of("0123456789.eE+-") != std::string_view::npos ||
      (whole && digits.size() > 1 && digits.front() == '0'))
    refuse_at(token.line, "the number " + escape(token.text), "write it in decimal");
  const bool plus = token.text.front() == '+';
  const auto* begin = token.text.data() + (plus ? 1 : 0);
  const auto* end = token.text.data() + token.text.size();
  std::int64_t integer = 0;
  double floating = 0;
  const auto result = whole ? std::from_chars(begin, end, integer) : std::from_chars(begin, end, floating);
  if (result.ec != std::errc{} || result.ptr != end)
    throw error_at(token.line, escape(token.text) + " is not a number");
  return whole ? Value(integer) : Value(floating);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : tokens_(split_into_tokens(text)) {}

  std::vector<Node> all() {
    auto nodes = list();
    if (here().kind != Token::Kind::end) throw error_at(here().line, "unexpected {{" + here().text + "}}");
    return nodes;
  }

 private:
  // Up to an {{else}} or {{end}}, of which the word is next, or to the end of all.
  std::vector<Node> list() {
    std::vector<Node> nodes;
    while (here().kind != Token::Kind::end) {
      if (here().kind == Token::Kind::text) {
        nodes.push_back({.kind = Node::Kind::text, .line = here().line, .text = here().text});
        ++at_;
        continue;
      }
      ++at_;  // {{
      skip_space();
      if (is_word("else") || is_word("end")) break;
      nodes.push_back(action());
    }
    return nodes;
  }

  Node action() {
    if (is_word("if")) return control(Node::Kind::if_true);
    if (is_word("with")) return control(Node::Kind::with);
    if (is_word("range")) return control(Node::Kind::range);
    if (is_word("break") || is_word("continue")) return jump();
    for (const auto* name : {"define", "template", "block"})
      if (is_word(name)) refuse_at(here().line, "{{" + std::string(name) + "}}", "write its text where it is used");
    Node node{.kind = Node::Kind::action, .line = here().line};
    node.pipeline = pipeline(Token::Kind::right_delimiter, 1);
    return node;
  }

  Node jump() {
    const auto word = here().text;
    Node node{.kind = word == "break" ? Node::Kind::break_range : Node::Kind::continue_range, .line = here().line};
    if (ranges_ == 0) throw error_at(here().line, "{{" + word + "}} outside of {{range}}");
    ++at_;
    expect_end_of_action(word);
    return node;
  }

  Node control(Node::Kind kind) {
    const Deeper deeper(*this);
    const auto variables = variables_.size();
    const auto word = here().text;
    Node node{.kind = kind, .line = here().line};
    ++at_;
    const bool range = kind == Node::Kind::range;
    node.pipeline = pipeline(Token::Kind::right_delimiter, range ? 2 : 1);
    ranges_ += range ? 1 : 0;
    node.body = list();
    ranges_ -= range ? 1 : 0;
    if (is_word("else")) {
      ++at_;
      skip_space();
      if (!range && is_word(word)) {  // whose {{end}} is this one's
        node.otherwise.push_back(control(kind));
        variables_.resize(variables);
        return node;
      }
      expect_end_of_action("else");
      node.otherwise = list();
    }
    if (!is_word("end")) throw error_at(node.line, "{{" + word + "}} has no {{end}}");
    ++at_;
    expect_end_of_action("end");
    variables_.resize(variables);
    return node;
  }

  // `most_variables`: that it may declare.
  Pipeline pipeline(Token::Kind end, std::size_t most_variables) {
    const Deeper deeper(*this);
    Pipeline pipeline;
    skip_space();
    declarations(pipeline, most_variables);
    for (skip_space(); here().kind != end; skip_space()) pipeline.commands.push_back(command(end));
    if (pipeline.commands.empty()) throw error_at(here().line, "a value is missing");
    for (std::size_t i = 1; i < pipeline.commands.size(); ++i) {
      const auto& first = pipeline.commands[i].front();
      if (first.fields.empty() && (first.kind == Operand::Kind::literal || first.kind == Operand::Kind::nil ||
                                   first.kind == Operand::Kind::dot))
        throw error_at(first.line, "after a | there must be a function");
    }
    ++at_;
    return pipeline;
  }

  void declarations(Pipeline& pipeline, std::size_t most) {
    const auto begin = at_;
    std::vector<std::string> names;
    while (here().kind == Token::Kind::variable) {
      names.push_back(here().text);
      ++at_;
      skip_space();
      if (here().kind == Token::Kind::declare || here().kind == Token::Kind::assign) {
        if (names.size() > most) throw error_at(here().line, "too many variables are set at once");
        pipeline.assigns = here().kind == Token::Kind::assign;
        pipeline.variables = names;
        variables_.insert(variables_.end(), names.begin(), names.end());
        ++at_;
        return;
      }
      if (here().kind != Token::Kind::comma) break;
      ++at_;
      skip_space();
    }
    if (names.size() > 1) throw error_at(here().line, "unexpected , between variables");
    at_ = begin;
  }

  // With the | behind it, behind which Go takes nothing as well.
  Command command(Token::Kind end) {
    Command command;
    while (true) {
      skip_space();
      if (auto found = operand()) command.push_back(std::move(*found));
      if (here().kind == Token::Kind::space) continue;
      if (here().kind == end) break;
      if (here().kind != Token::Kind::pipe)
        throw error_at(here().line, "unexpected " + escape(here().text) + " in an action");
      ++at_;
      break;
    }
    if (command.empty()) throw error_at(here().line, "a value is missing");
    return command;
  }

  std::optional<Operand> operand() {
    auto found = term();
    if (!found) return found;
    const bool is_value = found->kind == Operand::Kind::literal || found->kind == Operand::Kind::nil ||
                          (found->kind == Operand::Kind::dot && found->fields.empty());
    while (here().kind == Token::Kind::field) {
      if (is_value) throw error_at(here().line, "unexpected ." + here().text + " after a value");
      found->fields.push_back(here().text);
      ++at_;
    }
    return found;
  }

  std::optional<Operand> term() {
    const auto& token = here();
    Operand found{.kind = Operand::Kind::literal, .line = token.line};
    switch (token.kind) {
      case Token::Kind::dot: found.kind = Operand::Kind::dot; break;
      case Token::Kind::field:
        found.kind = Operand::Kind::dot;
        found.fields.push_back(token.text);
        break;
      case Token::Kind::string: found.literal = Value(token.text); break;
      case Token::Kind::number: found.literal = number_of(token); break;
      case Token::Kind::variable: variable(found, token); break;
      case Token::Kind::word: word(found, token); break;
      case Token::Kind::left_parenthesis:
        ++at_;
        found.kind = Operand::Kind::pipeline;
        found.pipeline = std::make_shared<const Pipeline>(pipeline(Token::Kind::right_parenthesis, 1));
        return found;
      default: return std::nullopt;
    }
    ++at_;
    return found;
  }
  void variable(Operand& found, const Token& token) const {
    found.kind = Operand::Kind::variable;
    found.name = token.text;
    if (std::find(variables_.begin(), variables_.end(), token.text) == variables_.end())
      throw error_at(token.line, "there is no variable " + escape(token.text),
                     "set it before with " + token.text + " := ...");
  }
  static void word(Operand& found, const Token& token) {
    if (token.text == "true" || token.text == "false") {
      found.literal = Value(token.text == "true");
    } else if (token.text == "nil") {
      found.kind = Operand::Kind::nil;
    } else {
      require_function(token.text, token.line);
      found.kind = Operand::Kind::function;
      found.name = token.text;
    }
  }

  class Deeper {
   public:
    explicit Deeper(Parser& parser) : parser_(parser) {
      if (++parser_.depth_ > deepest_nesting)
        throw error_at(parser_.here().line, "it is nested deeper than " + std::to_string(deepest_nesting) + " levels");
    }
    ~Deeper() { --parser_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Parser& parser_;
  };

  const Token& here() const { return tokens_[at_]; }
  bool is_word(std::string_view word) const { return here().kind == Token::Kind::word && here().text == word; }
  void skip_space() {
    while (here().kind == Token::Kind::space) ++at_;
  }
  void expect_end_of_action(const std::string& word) {
    skip_space();
    if (here().kind != Token::Kind::right_delimiter)
      throw error_at(here().line, "unexpected " + escape(here().text) + " after " + word);
    ++at_;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<std::string> variables_{"$"};
  unsigned ranges_ = 0;
  unsigned depth_ = 0;
};

}  // namespace

std::vector<Node> parse_template(std::string_view text) { return Parser(text).all(); }

}  // namespace everleaf::templates
