// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/nesting.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace everleaf {
namespace {

// Past the string that begins `rest` with a quote: three of them begin one of several lines. Only "..." has escapes.
std::size_t length_of_string(std::string_view rest) {
  const char quote = rest.front();
  const std::string three(3, quote);
  const std::string_view end = rest.starts_with(three) ? three : std::string_view(three).substr(0, 1);
  for (std::size_t at = end.size(); at < rest.size(); ++at) {
    if (rest[at] == '\\' && quote == '"')
      ++at;
    else if (rest.substr(at).starts_with(end))
      return at + end.size();
    else if (rest[at] == '\n' && end.size() == 1)
      return at;
  }
  return rest.size();
}

// How deep it is where it has read to: the brackets that are open, and the dots of the keys before them and at hand.
class Depth {
 public:
  void read(char letter) {
    switch (letter) {
      case '[':
      case '{':
        before_.push_back(now_);
        ++now_;
        break;
      case ']':
      case '}':
        if (!before_.empty()) {
          now_ = before_.back();
          before_.pop_back();
        }
        break;
      case '.': ++now_; break;
      case ',':
      case '\n': now_ = before_.empty() ? 0 : before_.back() + 1; break;
      default: break;
    }
  }
  unsigned now() const { return now_; }

 private:
  unsigned now_ = 0;
  std::vector<unsigned> before_;
};

}  // namespace

std::optional<unsigned> line_nested_deeper_than(unsigned limit, std::string_view toml) {
  Depth depth;
  unsigned line = 1;
  for (std::size_t at = 0; at < toml.size();) {
    std::size_t length = 1;
    if (toml[at] == '"' || toml[at] == '\'')
      length = length_of_string(toml.substr(at));
    else if (toml[at] == '#')
      length = std::min(toml.find('\n', at), toml.size()) - at;
    else
      depth.read(toml[at]);
    if (depth.now() > limit) return line;
    line += static_cast<unsigned>(std::count(&toml[at], &toml[at] + length, '\n'));
    at += length;
  }
  return std::nullopt;
}

}  // namespace everleaf
