// SPDX-License-Identifier: Apache-2.0
// What a template works on: Go's values as far as a template for certificates meets them, with what Go's fmt and
// encoding/json write of them. A value is immutable, and its size and depth are bounded when it is made.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace everleaf::templates {

class Value;

struct Missing {};  // what a map has not: Go's invalid reflect.Value
struct Nil {};      // JSON's null: an interface that holds nothing

struct List {
  std::string type = "[]interface {}";  // as Go names it
  std::vector<Value> items;
  bool is_nil = false;  // null in JSON
};

struct Map {
  std::string type = "map[string]interface {}";
  std::map<std::string, Value> entries;
  std::vector<std::string> methods;  // names that are no keys; calling them is not supported
};

// A struct of Go. Of `fields`, those with a name in JSON are written there, in their order.
struct Record {
  struct Field;
  std::string type;
  std::vector<Field> fields;
  bool has_all_fields = true;  // false: Go's has others, which are not supported
};

class Value {
 public:
  Value() : holds_(Missing{}) {}
  explicit Value(Nil) : holds_(Nil{}) {}
  explicit Value(bool truth) : holds_(truth) {}
  explicit Value(std::int64_t number) : holds_(number) {}  // of a template; numbers of JSON are floating
  explicit Value(double number) : holds_(number) {}
  explicit Value(std::string text) : holds_(std::move(text)) {}
  // Throw malformed if it gets deeper than 64 levels or larger than 4 MiB.
  explicit Value(List list);
  explicit Value(Map map);
  explicit Value(Record record);

  // As Go's json.Unmarshal into an interface{}. Throws malformed; `source` names the text in the error.
  static Value from_json(std::string_view text, const std::string& source);

  // Nullptr if it is something else.
  const bool* boolean() const { return std::get_if<bool>(&holds_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&holds_); }
  const double* floating() const { return std::get_if<double>(&holds_); }
  const std::string* text() const { return std::get_if<std::string>(&holds_); }
  const List* list() const { return held<List>(); }
  const Map* map() const { return held<Map>(); }
  const Record* record() const { return held<Record>(); }
  bool is_missing() const { return std::holds_alternative<Missing>(holds_); }
  bool is_nil() const { return is_missing() || std::holds_alternative<Nil>(holds_); }

  bool is_true() const;                    // text/template, IsTrue
  bool is_empty() const;                   // Sprig's empty: the same, but that nothing is empty as well
  std::string type() const;                // as %T of fmt
  std::string kind() const;                // as reflect.Kind
  std::string printed() const;             // as %v of fmt; throws malformed for a struct
  std::size_t size() const;                // about how many bytes it takes
  std::size_t depth() const;               // 0 for what holds nothing
  bool same_as(const Value& other) const;  // reflect.DeepEqual

 private:
  template <typename T>
  struct Held {
    T value;
    std::size_t size = 0;
    std::size_t depth = 0;
  };
  template <typename T>
  using Shared = std::shared_ptr<const Held<T>>;

  template <typename T>
  const T* held() const {
    const auto* shared = std::get_if<Shared<T>>(&holds_);
    return shared != nullptr ? &(*shared)->value : nullptr;
  }
  template <typename T>
  static Shared<T> hold(T value);

  std::variant<Missing, Nil, bool, std::int64_t, double, std::string, Shared<List>, Shared<Map>, Shared<Record>> holds_;
};

struct Record::Field {
  std::string name;       // as Go names it
  std::string json_name;  // empty: not in JSON
  bool omit_empty = false;
  Value value;
};

enum class Html { escaped, raw };
// As Go's json.Marshal: keys sorted, <, > and & as \u003c ... if escaped; indented by two spaces if `pretty`.
std::string to_json(const Value& value, Html html = Html::escaped);
std::string to_pretty_json(const Value& value);

// As Go's strconv.Quote. Throws malformed for what is not UTF-8, and letters of which we do not know how Go shows them.
std::string quoted(std::string_view text);

}  // namespace everleaf::templates
