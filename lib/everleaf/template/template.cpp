// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/template.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/template/functions.hpp>
#include <everleaf/template/lexer.hpp>
#include <everleaf/template/parser.hpp>

namespace everleaf::templates {
namespace {

constexpr std::size_t most_output = 1 << 20;
constexpr std::size_t most_work = 256 << 20;  // in bytes of values looked at

// Go's text/template/exec.go.
class Execution {
 public:
  explicit Execution(const Value& data) : variables_{{"$", data}} {}

  std::string run(const std::vector<Node>& nodes, const Value& data) {
    try {
      walk(nodes, data);
    } catch (const Error& error) {
      throw error.within("line " + std::to_string(line_));
    }
    return std::move(output_);
  }

 private:
  enum class Flow { goes_on, breaks, continues };
  struct Variable {
    std::string name;
    Value value;
  };

  // What is declared while this lives is gone with it.
  class Scope {
   public:
    explicit Scope(std::vector<Variable>& variables) : variables_(variables), size_(variables.size()) {}
    ~Scope() { variables_.resize(size_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::vector<Variable>& variables_;
    std::size_t size_;
  };

  [[noreturn]] static void fail(const std::string& text, std::string hint = {}) {
    throw Error(ErrorKind::malformed, text, std::move(hint));
  }

  Flow walk(const std::vector<Node>& nodes, const Value& dot) {
    for (const auto& node : nodes)
      if (const auto flow = walk(node, dot); flow != Flow::goes_on) return flow;
    return Flow::goes_on;
  }

  Flow walk(const Node& node, const Value& dot) {
    line_ = node.line;
    work(32);
    switch (node.kind) {
      case Node::Kind::text: write(node.text); return Flow::goes_on;
      case Node::Kind::action: {
        const auto value = evaluate(node.pipeline, dot);
        line_ = node.line;
        if (node.pipeline.variables.empty()) write(value.is_nil() ? "<no value>" : value.printed());
        return Flow::goes_on;
      }
      case Node::Kind::if_true:
      case Node::Kind::with: {
        const Scope scope(variables_);
        const auto value = evaluate(node.pipeline, dot);
        if (!value.is_true()) return walk(node.otherwise, dot);
        return walk(node.body, node.kind == Node::Kind::with ? value : dot);
      }
      case Node::Kind::range: return walk_range(node, dot);
      case Node::Kind::break_range: return Flow::breaks;
      case Node::Kind::continue_range: return Flow::continues;
    }
    return Flow::goes_on;
  }

  Flow walk_range(const Node& node, const Value& dot) {
    const Scope scope(variables_);
    const auto value = evaluate(node.pipeline, dot);
    const auto each = [&](const Value& key, const Value& item) {
      const Scope inner(variables_);
      work(32);
      set_for_range(node.pipeline, key, item);
      return walk(node.body, item) != Flow::breaks;
    };
    if (const auto* list = value.list(); list != nullptr && !list->items.empty()) {
      for (std::size_t i = 0; i < list->items.size(); ++i)
        if (!each(Value(static_cast<std::int64_t>(i)), list->items[i])) break;
      return Flow::goes_on;
    }
    if (const auto* map = value.map(); map != nullptr && !map->entries.empty()) {
      for (const auto& [key, item] : map->entries)
        if (!each(Value(key), item)) break;
      return Flow::goes_on;
    }
    if (!value.is_nil() && value.list() == nullptr && value.map() == nullptr)
      fail("range over " + value.type() + " is not supported", "it goes over lists and maps");
    return walk(node.otherwise, dot);  // where {{break}} is one of a range around it
  }

  // With two variables the key comes first.
  void set_for_range(const Pipeline& pipeline, const Value& key, const Value& item) {
    const auto& names = pipeline.variables;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& value = i + 1 == names.size() ? item : key;
      if (pipeline.assigns)
        assign(names[i], value);
      else
        variables_.push_back({names[i], value});
    }
  }

  Value evaluate(const Pipeline& pipeline, const Value& dot) {
    Value value;
    bool piped = false;
    for (const auto& command : pipeline.commands) {
      value = evaluate(command, dot, piped ? &value : nullptr);
      if (value.is_nil()) value = Value();
      piped = true;
    }
    for (const auto& name : pipeline.variables) {
      if (pipeline.assigns)
        assign(name, value);
      else
        variables_.push_back({name, value});
    }
    return value;
  }

  // `piped`: what comes from before a |, as its last argument.
  Value evaluate(const Command& command, const Value& dot, const Value* piped) {
    const auto& first = command.front();
    line_ = first.line;
    if (first.kind == Operand::Kind::function && first.fields.empty()) return call(command, dot, piped);
    if (command.size() > 1 || piped != nullptr)
      fail("only functions take values", "for a value of a list or map: index .list 0");
    if (first.kind == Operand::Kind::nil) fail("nil alone is nothing to write");
    return evaluate(first, dot);
  }

  Value call(const Command& command, const Value& dot, const Value* piped) {
    const auto& name = command.front().name;
    std::vector<Value> arguments;
    const bool chooses = name == "and" || name == "or";
    for (std::size_t i = 1; i < command.size(); ++i) {
      arguments.push_back(evaluate(command[i], dot));
      if (chooses && arguments.back().is_true() == (name == "or")) return arguments.back();
    }
    if (piped != nullptr) arguments.push_back(*piped);
    line_ = command.front().line;
    if (chooses && arguments.empty()) fail(name + " takes at least 1 value");
    for (const auto& argument : arguments) work(argument.size());
    auto result = chooses ? arguments.back() : call_function(name, arguments);
    work(result.size());
    return result;
  }

  Value evaluate(const Operand& operand, const Value& dot) {
    line_ = operand.line;
    auto value = start_of(operand, dot);
    for (const auto& field : operand.fields) value = field_of(value, field);
    work(value.text() != nullptr ? value.size() : 16);
    return value;
  }

  Value start_of(const Operand& operand, const Value& dot) {
    switch (operand.kind) {
      case Operand::Kind::literal: return operand.literal;
      case Operand::Kind::nil: return Value(Nil{});
      case Operand::Kind::dot: return dot;
      case Operand::Kind::variable: return variable(operand.name).value;
      case Operand::Kind::function: {
        Operand function = operand;
        function.fields.clear();
        return call({function}, dot, nullptr);
      }
      case Operand::Kind::pipeline: return evaluate(*operand.pipeline, dot);
    }
    return {};
  }

  static Value field_of(const Value& value, const std::string& name) {
    if (value.is_missing()) return {};
    if (const auto* map = value.map()) {
      if (std::find(map->methods.begin(), map->methods.end(), name) != map->methods.end())
        fail("the method ." + name + " is not supported");
      const auto found = map->entries.find(name);
      return found == map->entries.end() ? Value() : found->second;
    }
    if (const auto* record = value.record()) {
      const auto found = std::find_if(record->fields.begin(), record->fields.end(),
                                      [&](const Record::Field& field) { return field.name == name; });
      if (found == record->fields.end()) fail(record->type + " has no field ." + name, fields_of(*record));
      return found->value;
    }
    fail((value.is_nil() ? "null" : value.type()) + " has no field ." + name);
  }
  static std::string fields_of(const Record& record) {
    std::string names;
    for (const auto& field : record.fields) names += " ." + field.name;
    return names.empty() ? "" : "it has" + names;
  }

  Variable& variable(const std::string& name) {
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                    [&](const Variable& variable) { return variable.name == name; });
    if (found == variables_.rend()) fail("there is no variable " + name);
    return *found;
  }
  void assign(const std::string& name, const Value& value) { variable(name).value = value; }

  void write(std::string_view text) {
    if (output_.size() + text.size() > most_output) fail("it writes more than 1 MiB");
    output_ += text;
  }
  void work(std::size_t bytes) {
    work_ += bytes;
    if (work_ > most_work) fail("it takes too long", "a range in a range in a range?");
  }

  std::vector<Variable> variables_;
  std::string output_;
  std::size_t work_ = 0;
  unsigned line_ = 1;
};

}  // namespace

std::string fill(std::string_view text, const Value& data, const std::string& source) {
  try {
    return Execution(data).run(parse_template(text), data);
  } catch (const Error& error) {
    throw error.within(source);
  }
}

}  // namespace everleaf::templates
