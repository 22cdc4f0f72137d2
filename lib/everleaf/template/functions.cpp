// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/functions.hpp>

#include <algorithm>
#include <array>
#include <map>

#include <everleaf/error/error.hpp>
#include <everleaf/template/lexer.hpp>

namespace everleaf::templates {
namespace {

using Arguments = std::vector<Value>;

[[noreturn]] void wrong(const std::string& text, std::string hint = {}) {
  throw Error(ErrorKind::malformed, text, std::move(hint));
}

// What a value is, for errors.
std::string kind_of(const Value& value) {
  if (value.is_missing()) return "nothing";
  if (value.is_nil()) return "null";
  return value.floating() != nullptr ? "a number of JSON" : value.type();
}

const std::string& text_of(const Value& value) {
  if (value.text() == nullptr) wrong("it needs a string, not " + kind_of(value));
  return *value.text();
}

const List& list_of(const Value& value) {
  if (value.list() == nullptr) wrong("it needs a list, not " + kind_of(value));
  return *value.list();
}

// Where a Go function takes a map, what is missing is an empty one.
const Map& map_of(const Value& value) {
  static const Map none;
  if (value.is_missing()) return none;
  if (value.map() == nullptr) wrong("it needs a map, not " + kind_of(value));
  return *value.map();
}

// As an argument of type interface{} holds it.
Value stored(const Value& value) { return value.is_missing() ? Value(Nil{}) : value; }

Value made(List list) { return Value(std::move(list)); }

// text/template/funcs.go.

Value equal(const Arguments& arguments) {
  const auto& first = arguments[0];
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& other = arguments[i];
    if (first.is_nil() || other.is_nil()) {
      const bool both = first.is_nil() == other.is_nil();
      const auto* items = (first.is_nil() ? other : first).list();
      if (both || (items != nullptr && items->is_nil)) return Value(true);
      continue;
    }
    if (first.type() != other.type())
      wrong("it cannot compare " + kind_of(first) + " with " + kind_of(other),
            "compare them as strings: eq (toString .x) \"1\"");
    if (first.list() != nullptr || first.map() != nullptr || first.record() != nullptr)
      wrong("it cannot compare " + kind_of(first));
    if (first.same_as(other)) return Value(true);
  }
  return Value(false);
}

template <typename Compare>
Value compared(const Value& a, const Value& b, Compare compare) {
  if (a.type() != b.type()) wrong("it cannot compare " + kind_of(a) + " with " + kind_of(b));
  if (a.integer() != nullptr) return Value(compare(*a.integer(), *b.integer()));
  if (a.floating() != nullptr) return Value(compare(*a.floating(), *b.floating()));
  if (a.text() != nullptr) return Value(compare(*a.text(), *b.text()));
  wrong("it cannot say which " + kind_of(a) + " is less");
}

Value length(const Arguments& arguments) {
  const auto count = [](std::size_t size) { return Value(static_cast<std::int64_t>(size)); };
  if (const auto* text = arguments[0].text()) return count(text->size());
  if (const auto* list = arguments[0].list()) return count(list->items.size());
  if (const auto* map = arguments[0].map()) return count(map->entries.size());
  wrong(kind_of(arguments[0]) + " has no length");
}

Value index(const Arguments& arguments) {
  auto value = arguments[0];
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto& key = arguments[i];
    Value next;
    if (const auto* map = value.map()) {
      const auto found = map->entries.find(text_of(key));
      next = found == map->entries.end() ? Value(Nil{}) : found->second;
    } else {
      const auto& items = list_of(value).items;
      if (key.integer() == nullptr) wrong("a place in a list cannot be " + kind_of(key));
      if (*key.integer() < 0 || static_cast<std::size_t>(*key.integer()) >= items.size())
        wrong("the list has no place " + std::to_string(*key.integer()));
      next = items[static_cast<std::size_t>(*key.integer())];
    }
    value = next;
  }
  return value;
}

std::string formatted(char verb, const Value& value) {
  switch (verb) {
    case 'v': return value.printed();
    case 's': return text_of(value);
    case 'q': return quoted(text_of(value));
    case 'd':
      if (value.integer() == nullptr)
        wrong("%d of " + kind_of(value) + " writes no number", "numbers of --set and of JSON are floating: use %v");
      return value.printed();
    case 't':
      if (value.boolean() == nullptr) wrong("%t of " + kind_of(value) + " writes no truth");
      return value.printed();
    default: wrong("%" + escape(std::string(1, verb)) + " is not supported", "there are %s, %q, %d, %v and %t");
  }
}

Value print_formatted(const Arguments& arguments) {
  const auto& format = text_of(arguments[0]);
  std::string text;
  std::size_t next = 1;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      text += format[at];
      continue;
    }
    if (++at == format.size()) wrong("the format ends with a %");
    if (format[at] == '%') {
      text += '%';
      continue;
    }
    if (next == arguments.size()) wrong("the format asks for more values than there are");
    text += formatted(format[at], arguments[next++]);
  }
  if (next != arguments.size()) wrong("there are more values than the format asks for");
  return Value(text);
}

// Go's fmt.Sprint.
Value print(const Arguments& arguments) {
  std::string text;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0 && arguments[i].text() == nullptr && arguments[i - 1].text() == nullptr) text += " ";
    text += arguments[i].printed();
  }
  return Value(text);
}

// Sprig.

Value in_quotes(const Arguments& arguments, std::string (*quote)(const Value&)) {
  std::string text;
  for (const auto& value : arguments)
    if (!value.is_nil()) text += (text.empty() ? "" : " ") + quote(value);
  return Value(text);
}

std::string in_ascii_case(const Value& value, char from, char to) {
  auto text = text_of(value);
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) wrong("letters beyond ASCII are not supported");
    if (c >= from && c <= from + 25) c = static_cast<char>(c - from + to);
  }
  return text;
}

// Go's unicode.IsSpace, in UTF-8.
std::size_t length_of_space(std::string_view text, bool at_end) {
  using namespace std::string_view_literals;
  constexpr std::array spaces{" "sv,
                              "\t"sv,
                              "\n"sv,
                              "\v"sv,
                              "\f"sv,
                              "\r"sv,
                              "\xc2\x85"sv,
                              "\xc2\xa0"sv,
                              "\xe1\x9a\x80"sv,
                              "\xe2\x80\x80"sv,
                              "\xe2\x80\x81"sv,
                              "\xe2\x80\x82"sv,
                              "\xe2\x80\x83"sv,
                              "\xe2\x80\x84"sv,
                              "\xe2\x80\x85"sv,
                              "\xe2\x80\x86"sv,
                              "\xe2\x80\x87"sv,
                              "\xe2\x80\x88"sv,
                              "\xe2\x80\x89"sv,
                              "\xe2\x80\x8a"sv,
                              "\xe2\x80\xa8"sv,
                              "\xe2\x80\xa9"sv,
                              "\xe2\x80\xaf"sv,
                              "\xe2\x81\x9f"sv,
                              "\xe3\x80\x80"sv};
  const auto* found = std::find_if(spaces.begin(), spaces.end(), [&](std::string_view space) {
    return at_end ? text.ends_with(space) : text.starts_with(space);
  });
  return found == spaces.end() ? 0 : found->size();
}

Value trimmed(const Arguments& arguments) {
  std::string_view text = text_of(arguments[0]);
  while (const auto length = length_of_space(text, false)) text.remove_prefix(length);
  while (const auto length = length_of_space(text, true)) text.remove_suffix(length);
  return Value(std::string(text));
}

Value replaced(const Arguments& arguments) {
  const auto& from = text_of(arguments[0]);
  const auto& to = text_of(arguments[1]);
  const auto& text = text_of(arguments[2]);
  if (from.empty()) wrong("replacing an empty string is not supported");
  std::string result;
  std::size_t at = 0;
  for (auto found = text.find(from); found != std::string::npos; found = text.find(from, at)) {
    result += text.substr(at, found - at) + to;
    at = found + from.size();
    if (result.size() > 1 << 20) wrong("a value becomes too large");
  }
  return Value(result + text.substr(at));
}

Value split(const Arguments& arguments) {
  const auto& separator = text_of(arguments[0]);
  const auto& text = text_of(arguments[1]);
  if (separator.empty()) wrong("splitting at an empty string is not supported");
  List list{.type = "[]string"};
  std::size_t at = 0;
  for (auto found = text.find(separator); found != std::string::npos; found = text.find(separator, at)) {
    list.items.emplace_back(text.substr(at, found - at));
    at = found + separator.size();
  }
  list.items.emplace_back(text.substr(at));
  return made(std::move(list));
}

Value joined(const Arguments& arguments) {
  const auto& separator = text_of(arguments[0]);
  const auto* list = arguments[1].list();
  const auto items = list != nullptr ? list->items : Arguments{arguments[1]};
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (item.is_nil()) continue;
    text += (first ? "" : separator) + item.printed();
    first = false;
    if (text.size() > 4 << 20) wrong("a value becomes too large");
  }
  return Value(text);
}

Value default_of(const Arguments& arguments) {
  if (arguments.size() == 1 || arguments[1].is_empty()) return arguments[0];
  return arguments[1];
}

Value first_that_is(const Arguments& arguments) {
  const auto found =
      std::find_if(arguments.begin(), arguments.end(), [](const Value& value) { return !value.is_empty(); });
  return found == arguments.end() ? Value(Nil{}) : *found;
}

Value either(const Arguments& arguments) {
  if (arguments[2].boolean() == nullptr) wrong("it needs true or false, not " + kind_of(arguments[2]));
  return *arguments[2].boolean() ? arguments[0] : arguments[1];
}

Value list(const Arguments& arguments) {
  List list;
  for (const auto& value : arguments) list.items.push_back(stored(value));
  return made(std::move(list));
}

Value dictionary(const Arguments& arguments) {
  Map map;
  for (std::size_t i = 0; i < arguments.size(); i += 2)
    map.entries.insert_or_assign(arguments[i].printed(),
                                 i + 1 < arguments.size() ? stored(arguments[i + 1]) : Value(std::string()));
  return Value(std::move(map));
}

Value got(const Arguments& arguments) {
  const auto& entries = map_of(arguments[0]).entries;
  const auto found = entries.find(text_of(arguments[1]));
  return found == entries.end() ? Value(std::string()) : found->second;
}

Value with_more(const Arguments& arguments, bool at_end) {
  List list{.items = list_of(arguments[0]).items};
  list.items.insert(at_end ? list.items.end() : list.items.begin(), stored(arguments[1]));
  return made(std::move(list));
}

// Without the first or the last; of none, Go returns nil.
Value without_one(const Arguments& arguments, bool first) {
  const auto& items = list_of(arguments[0]).items;
  if (items.empty()) return made({.is_nil = true});
  return made({.items = first ? Arguments(items.begin() + 1, items.end()) : Arguments(items.begin(), items.end() - 1)});
}

Value one_of(const Arguments& arguments, bool first) {
  const auto& items = list_of(arguments[0]).items;
  if (items.empty()) return Value(Nil{});
  return first ? items.front() : items.back();
}

Value has(const Arguments& arguments) {
  if (arguments[1].is_nil()) return Value(false);
  const auto& items = list_of(arguments[1]).items;
  return Value(std::any_of(items.begin(), items.end(), [&](const Value& item) {
    return arguments[0].is_nil() ? item.is_nil() : item.same_as(arguments[0]);
  }));
}

// go.step.sm/crypto/internal/templates/funcmap.go.
[[noreturn]] Value fail(const Arguments& arguments) { wrong("the template says: " + escape(text_of(arguments[0]))); }

std::string as_text(const Value& value) { return value.is_nil() ? "<nil>" : value.printed(); }

constexpr std::size_t any_number = 1000;

struct Function {
  std::size_t fewest;
  std::size_t most;
  Value (*call)(const Arguments&);
};

const std::map<std::string_view, Function>& functions() {
  using A = const Arguments&;
  static const std::map<std::string_view, Function> all{
      {"and", {1, any_number, nullptr}},  // by execute.cpp: what follows is not looked at
      {"or", {1, any_number, nullptr}},
      {"not", {1, 1, [](A a) { return Value(!a[0].is_true()); }}},
      {"eq", {2, any_number, equal}},
      {"ne", {2, 2, [](A a) { return Value(!*equal(a).boolean()); }}},
      {"lt", {2, 2, [](A a) { return compared(a[0], a[1], [](const auto& x, const auto& y) { return x < y; }); }}},
      {"le", {2, 2, [](A a) { return compared(a[0], a[1], [](const auto& x, const auto& y) { return x <= y; }); }}},
      {"gt", {2, 2, [](A a) { return compared(a[0], a[1], [](const auto& x, const auto& y) { return x > y; }); }}},
      {"ge", {2, 2, [](A a) { return compared(a[0], a[1], [](const auto& x, const auto& y) { return x >= y; }); }}},
      {"len", {1, 1, length}},
      {"index", {1, any_number, index}},
      {"printf", {1, any_number, print_formatted}},
      {"print", {0, any_number, print}},
      {"toJson", {1, 1, [](A a) { return Value(to_json(a[0])); }}},
      {"toRawJson", {1, 1, [](A a) { return Value(to_json(a[0], Html::raw)); }}},
      {"toPrettyJson", {1, 1, [](A a) { return Value(to_pretty_json(a[0])); }}},
      {"fromJson", {1, 1, [](A a) { return Value::from_json(text_of(a[0]), "its text"); }}},
      {"toString", {1, 1, [](A a) { return Value(as_text(a[0])); }}},
      {"quote", {0, any_number, [](A a) { return in_quotes(a, [](const Value& v) { return quoted(v.printed()); }); }}},
      {"squote",
       {0, any_number, [](A a) { return in_quotes(a, [](const Value& v) { return "'" + v.printed() + "'"; }); }}},
      {"upper", {1, 1, [](A a) { return Value(in_ascii_case(a[0], 'a', 'A')); }}},
      {"lower", {1, 1, [](A a) { return Value(in_ascii_case(a[0], 'A', 'a')); }}},
      {"trim", {1, 1, trimmed}},
      {"trimPrefix",
       {2, 2,
        [](A a) {
          std::string_view text = text_of(a[1]);
          if (text.starts_with(text_of(a[0]))) text.remove_prefix(text_of(a[0]).size());
          return Value(std::string(text));
        }}},
      {"trimSuffix",
       {2, 2,
        [](A a) {
          std::string_view text = text_of(a[1]);
          if (text.ends_with(text_of(a[0]))) text.remove_suffix(text_of(a[0]).size());
          return Value(std::string(text));
        }}},
      {"contains", {2, 2, [](A a) { return Value(text_of(a[1]).find(text_of(a[0])) != std::string::npos); }}},
      {"hasPrefix", {2, 2, [](A a) { return Value(text_of(a[1]).starts_with(text_of(a[0]))); }}},
      {"hasSuffix", {2, 2, [](A a) { return Value(text_of(a[1]).ends_with(text_of(a[0]))); }}},
      {"replace", {3, 3, replaced}},
      {"splitList", {2, 2, split}},
      {"join", {2, 2, joined}},
      {"default", {1, any_number, default_of}},
      {"coalesce", {0, any_number, first_that_is}},
      {"empty", {1, 1, [](A a) { return Value(a[0].is_empty()); }}},
      {"ternary", {3, 3, either}},
      {"list", {0, any_number, list}},
      {"dict", {0, any_number, dictionary}},
      {"get", {2, 2, got}},
      {"hasKey", {2, 2, [](A a) { return Value(map_of(a[0]).entries.contains(text_of(a[1]))); }}},
      {"append", {2, 2, [](A a) { return with_more(a, true); }}},
      {"prepend", {2, 2, [](A a) { return with_more(a, false); }}},
      {"first", {1, 1, [](A a) { return one_of(a, true); }}},
      {"last", {1, 1, [](A a) { return one_of(a, false); }}},
      {"rest", {1, 1, [](A a) { return without_one(a, true); }}},
      {"initial", {1, 1, [](A a) { return without_one(a, false); }}},
      {"has", {2, 2, has}},
      {"typeIs", {2, 2, [](A a) { return Value(text_of(a[0]) == a[1].type()); }}},
      {"kindIs", {2, 2, [](A a) { return Value(text_of(a[0]) == a[1].kind()); }}},
      {"fail", {1, 1, fail}},
  };
  return all;
}

}  // namespace

void require_function(const std::string& name, unsigned line) {
  if (functions().contains(name)) return;
  std::string known;
  for (const auto& [one, function] : functions()) known += (known.empty() ? "" : ", ") + std::string(one);
  refuse_at(line, "the function " + escape(name), "there are " + known);
}

Value call_function(const std::string& name, const std::vector<Value>& arguments) {
  const auto& function = functions().at(name);
  const auto count = arguments.size();
  if (count < function.fewest || count > function.most)
    wrong(name + " takes " + (function.most == any_number ? "at least " : "") + std::to_string(function.fewest) +
          (function.fewest == 1 ? " value, not " : " values, not ") + std::to_string(count));
  try {
    return function.call(arguments);
  } catch (const Error& error) {
    throw error.within(name);
  }
}

}  // namespace everleaf::templates
