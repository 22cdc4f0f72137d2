// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/value.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <everleaf/error/error.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::templates {
namespace {

constexpr std::size_t most_bytes = 4 << 20;
constexpr std::size_t deepest = 64;
constexpr std::string_view hex_digits = "0123456789abcdef";

[[noreturn]] void refuse(const std::string& text, std::string hint = {}) {
  throw Error(ErrorKind::malformed, text, std::move(hint));
}

std::vector<const Value*> parts(const List& list) {
  std::vector<const Value*> found;
  for (const auto& item : list.items) found.push_back(&item);
  return found;
}

std::vector<const Value*> parts(const Map& map) {
  std::vector<const Value*> found;
  for (const auto& [key, value] : map.entries) found.push_back(&value);
  return found;
}

std::vector<const Value*> parts(const Record& record) {
  std::vector<const Value*> found;
  for (const auto& field : record.fields) found.push_back(&field.value);
  return found;
}

std::size_t size_of_keys(const Map& map) {
  std::size_t size = 0;
  for (const auto& [key, value] : map.entries) size += key.size();
  return size;
}
template <typename T>
std::size_t size_of_keys(const T&) {
  return 0;
}

// The shortest digits that are the number again, and the power of ten of the first.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

Decimal decimal(double number) {
  std::array<char, 64> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), std::fabs(number), std::chars_format::scientific).ptr;
  const std::string_view all(text.data(), static_cast<std::size_t>(end - text.data()));
  const auto e = all.find('e');
  Decimal result;
  for (const char c : all.substr(0, e))
    if (c != '.') result.digits += c;
  const auto exponent = all.substr(all[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), result.exponent);
  return result;
}

std::string in_full(const Decimal& number) {
  const auto& [digits, exponent] = number;
  if (exponent < 0) return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto before = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= before) return digits + std::string(before - digits.size(), '0');
  return digits.substr(0, before) + "." + digits.substr(before);
}

std::string with_exponent(const Decimal& number, std::size_t fewest_digits) {
  auto text = number.digits.substr(0, 1);
  if (number.digits.size() > 1) text += "." + number.digits.substr(1);
  auto power = std::to_string(std::abs(number.exponent));
  if (power.size() < fewest_digits) power.insert(0, fewest_digits - power.size(), '0');
  return text + (number.exponent < 0 ? "e-" : "e+") + power;
}

// As %v of Go's fmt and strconv, %g in its shortest form.
std::string printed_number(double number) {
  const auto shortest = decimal(number);
  const bool exponent = shortest.exponent < -4 || shortest.exponent >= 6;
  return (std::signbit(number) ? "-" : "") + (exponent ? with_exponent(shortest, 2) : in_full(shortest));
}

// As Go's encoding/json, floatEncoder.
std::string json_number(double number) {
  const auto absolute = std::fabs(number);
  const bool exponent = absolute != 0 && (absolute < 1e-6 || absolute >= 1e21);
  return (std::signbit(number) ? "-" : "") + (exponent ? with_exponent(decimal(number), 1) : in_full(decimal(number)));
}

Value converted(const nlohmann::json& json) {
  switch (json.type()) {
    case nlohmann::json::value_t::boolean: return Value(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
    case nlohmann::json::value_t::number_float: return Value(json.get<double>());
    case nlohmann::json::value_t::string: return Value(json.get<std::string>());
    case nlohmann::json::value_t::array: {
      List list;
      for (const auto& item : json) list.items.push_back(converted(item));
      return Value(std::move(list));
    }
    case nlohmann::json::value_t::object: {
      Map map;
      for (const auto& [key, value] : json.items()) map.entries.emplace(key, converted(value));
      return Value(std::move(map));
    }
    case nlohmann::json::value_t::null:
    case nlohmann::json::value_t::binary:
    case nlohmann::json::value_t::discarded: break;
  }
  return Value(Nil{});
}

// One letter of well-formed UTF-8, which is cut off `text`.
std::uint32_t take_letter(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t letter = length == 1 ? first : first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) letter = letter << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(length);
  return letter;
}

// Whether Go's strconv.IsPrint surely says yes: whole blocks of letters without gaps.
bool is_surely_printable(std::uint32_t letter) {
  constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 7> ranges{{{0x20, 0x7e},
                                                                           {0xa1, 0xac},
                                                                           {0xae, 0x2af},
                                                                           {0x400, 0x482},
                                                                           {0x3041, 0x3096},
                                                                           {0x4e00, 0x9fa5},
                                                                           {0xac00, 0xd7a3}}};
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return letter >= range.first && letter <= range.second; });
}

}  // namespace

template <typename T>
Value::Shared<T> Value::hold(T value) {
  std::size_t size = 64 + size_of_keys(value);
  std::size_t depth = 0;
  for (const auto* part : parts(value)) {
    size += part->size();
    depth = std::max(depth, part->depth());
  }
  if (size > most_bytes || depth >= deepest) refuse("a value becomes too large");
  return std::make_shared<const Held<T>>(Held<T>{std::move(value), size, depth + 1});
}

Value::Value(List list) : holds_(hold(std::move(list))) {}
Value::Value(Map map) : holds_(hold(std::move(map))) {}
Value::Value(Record record) : holds_(hold(std::move(record))) {}

Value Value::from_json(std::string_view text, const std::string& source) { return converted(parse_json(text, source)); }

bool Value::is_true() const {
  if (const auto* truth = boolean()) return *truth;
  if (const auto* number = integer()) return *number != 0;
  if (const auto* number = floating()) return *number != 0;
  if (const auto* letters = text()) return !letters->empty();
  if (const auto* items = list()) return !items->items.empty();
  if (const auto* entries = map()) return !entries->entries.empty();
  return record() != nullptr;
}

bool Value::is_empty() const { return !is_true(); }

std::string Value::type() const {
  if (boolean() != nullptr) return "bool";
  if (integer() != nullptr) return "int";
  if (floating() != nullptr) return "float64";
  if (text() != nullptr) return "string";
  if (const auto* items = list()) return items->type;
  if (const auto* entries = map()) return entries->type;
  if (const auto* fields = record()) return fields->type;
  return "<nil>";
}

std::string Value::kind() const {
  if (is_nil()) return "invalid";
  if (list() != nullptr) return "slice";
  if (map() != nullptr) return "map";
  if (const auto* fields = record()) return fields->type.starts_with("*") ? "ptr" : "struct";
  return type();
}

std::string Value::printed() const {
  if (const auto* truth = boolean()) return *truth ? "true" : "false";
  if (const auto* number = integer()) return std::to_string(*number);
  if (const auto* number = floating()) return printed_number(*number);
  if (const auto* letters = text()) return *letters;
  std::string all;
  if (const auto* items = list()) {
    for (const auto& item : items->items) all += (&item == &items->items.front() ? "" : " ") + item.printed();
    return "[" + all + "]";
  }
  if (const auto* entries = map()) {
    for (const auto& [key, value] : entries->entries) all += (all.empty() ? "" : " ") + key + ":" + value.printed();
    return "map[" + all + "]";
  }
  if (record() != nullptr)
    refuse("printing " + type() + " is not supported", "write it with toJson, or take its fields");
  return "<nil>";
}

std::size_t Value::size() const {
  if (const auto* letters = text()) return 32 + letters->size();
  if (const auto* shared = std::get_if<Shared<List>>(&holds_)) return (*shared)->size;
  if (const auto* shared = std::get_if<Shared<Map>>(&holds_)) return (*shared)->size;
  if (const auto* shared = std::get_if<Shared<Record>>(&holds_)) return (*shared)->size;
  return 32;
}

std::size_t Value::depth() const {
  if (const auto* shared = std::get_if<Shared<List>>(&holds_)) return (*shared)->depth;
  if (const auto* shared = std::get_if<Shared<Map>>(&holds_)) return (*shared)->depth;
  if (const auto* shared = std::get_if<Shared<Record>>(&holds_)) return (*shared)->depth;
  return 0;
}

bool Value::same_as(const Value& other) const {
  if (type() != other.type()) return false;
  if (const auto* truth = boolean()) return *truth == *other.boolean();
  if (const auto* number = integer()) return *number == *other.integer();
  if (const auto* number = floating()) return *number == *other.floating();
  if (const auto* letters = text()) return *letters == *other.text();
  if (record() != nullptr) refuse("comparing " + type() + " is not supported", "compare its fields");
  if (const auto* items = list()) {
    const auto& others = *other.list();
    return items->is_nil == others.is_nil &&
           std::equal(items->items.begin(), items->items.end(), others.items.begin(), others.items.end(),
                      [](const Value& a, const Value& b) { return a.same_as(b); });
  }
  if (const auto* entries = map()) {
    const auto& others = other.map()->entries;
    return std::equal(entries->entries.begin(), entries->entries.end(), others.begin(), others.end(),
                      [](const auto& a, const auto& b) { return a.first == b.first && a.second.same_as(b.second); });
  }
  return true;
}

// Go's encoding/json, encode.go and indent.go.
class JsonWriter {
 public:
  JsonWriter(Html html, bool pretty) : html_(html), pretty_(pretty) {}

  void write(const Value& value) {
    if (value.is_nil()) {
      text_ += "null";
    } else if (const auto* number = value.floating()) {
      text_ += json_number(*number);
    } else if (const auto* letters = value.text()) {
      write_string(*letters);
    } else if (const auto* items = value.list()) {
      write_list(*items);
    } else if (const auto* entries = value.map()) {
      const Around around(*this, '{', '}', entries->entries.empty());
      for (const auto& [key, entry] : entries->entries) write_member(key, entry);
    } else if (const auto* record = value.record()) {
      write_record(*record);
    } else {
      text_ += value.printed();
    }
  }
  std::string text() { return std::move(text_); }

 private:
  // The brackets of a list or an object.
  class Around {
   public:
    Around(JsonWriter& writer, char open, char close, bool empty) : writer_(writer), close_(close), empty_(empty) {
      writer_.text_ += open;
      ++writer_.depth_;
    }
    ~Around() {
      --writer_.depth_;
      if (!empty_) writer_.new_line();
      writer_.text_ += close_;
    }
    Around(const Around&) = delete;
    Around& operator=(const Around&) = delete;

   private:
    JsonWriter& writer_;
    char close_;
    bool empty_;
  };

  void new_line() {
    if (pretty_) text_ += "\n" + std::string(depth_ * 2, ' ');
  }
  void next() {
    if (text_.back() != '{' && text_.back() != '[') text_ += ',';
    new_line();
  }
  void write_member(const std::string& key, const Value& value) {
    next();
    write_string(key);
    text_ += pretty_ ? ": " : ":";
    write(value);
  }
  void write_list(const List& list) {
    if (list.is_nil) {
      text_ += "null";
      return;
    }
    const Around around(*this, '[', ']', list.items.empty());
    for (const auto& item : list.items) {
      next();
      write(item);
    }
  }
  void write_record(const Record& record) {
    if (!record.has_all_fields) refuse("toJson of " + record.type + " is not supported", "take its fields");
    const auto is_written = [](const Record::Field& field) {
      return !field.json_name.empty() && (!field.omit_empty || field.value.is_true());
    };
    const Around around(*this, '{', '}', std::none_of(record.fields.begin(), record.fields.end(), is_written));
    for (const auto& field : record.fields)
      if (is_written(field)) write_member(field.json_name, field.value);
  }

  void write_string(std::string_view rest) {
    text_ += '"';
    while (!rest.empty()) {
      const auto good = length_of_utf8(rest);
      if (good == 0) {
        text_ += "\\ufffd";
        rest.remove_prefix(1);
        continue;
      }
      for (auto letters = rest.substr(0, good); !letters.empty();) {
        const auto before = letters;
        write_letter(take_letter(letters), before);
      }
      rest.remove_prefix(good);
    }
    text_ += '"';
  }
  void write_letter(std::uint32_t letter, std::string_view from_here) {
    const bool html = letter == '<' || letter == '>' || letter == '&';
    switch (letter) {
      case '"': text_ += "\\\""; return;
      case '\\': text_ += "\\\\"; return;
      case '\b': text_ += "\\b"; return;
      case '\f': text_ += "\\f"; return;
      case '\n': text_ += "\\n"; return;
      case '\r': text_ += "\\r"; return;
      case '\t': text_ += "\\t"; return;
      case 0x2028: text_ += "\\u2028"; return;
      case 0x2029: text_ += "\\u2029"; return;
      default: break;
    }
    if (letter < 0x20 || (html && html_ == Html::escaped))
      text_ += std::string("\\u00") + hex_digits[letter >> 4U] + hex_digits[letter & 15U];
    else
      text_ += from_here.substr(0, letter < 0x80 ? 1 : letter < 0x800 ? 2 : letter < 0x10000 ? 3 : 4);
  }

  std::string text_;
  std::size_t depth_ = 0;
  Html html_;
  bool pretty_;
};

std::string to_json(const Value& value, Html html) {
  JsonWriter writer(html, false);
  writer.write(value);
  return writer.text();
}

std::string to_pretty_json(const Value& value) {
  JsonWriter writer(Html::escaped, true);
  writer.write(value);
  return writer.text();
}

std::string quoted(std::string_view text) {
  if (length_of_utf8(text) != text.size()) refuse("quoting " + escape(text) + " is not supported: it is not UTF-8");
  constexpr std::string_view escaped = "\a\b\f\n\r\t\v\\\"";
  constexpr std::string_view names = "abfnrtv\\\"";
  std::string result = "\"";
  while (!text.empty()) {
    const auto before = text;
    const auto letter = take_letter(text);
    const auto special = letter < 0x80 ? escaped.find(static_cast<char>(letter)) : std::string_view::npos;
    if (special != std::string_view::npos)
      result += std::string("\\") + names[special];
    else if (letter < 0x20 || letter == 0x7f)
      result += std::string("\\x") + hex_digits[letter >> 4U] + hex_digits[letter & 15U];
    else if (is_surely_printable(letter))
      result += before.substr(0, before.size() - text.size());
    else
      refuse("quoting " + escape(before.substr(0, before.size() - text.size())) + " is not supported",
             "toJson writes it as JSON needs it");
  }
  return result + "\"";
}

}  // namespace everleaf::templates
