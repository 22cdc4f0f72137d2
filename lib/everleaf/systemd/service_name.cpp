// SPDX-License-Identifier: Apache-2.0
#include <everleaf/systemd/service_name.hpp>

#include <algorithm>
#include <cctype>

namespace everleaf {

// The characters: systemd.unit(5). A template without its instance cannot be running.
bool is_service_name(std::string_view name) {
  constexpr std::string_view suffix = ".service";
  if (!name.ends_with(suffix) || name.size() == suffix.size() || name.size() > 255) return false;
  name.remove_suffix(suffix.size());
  return name.front() != '@' && name.back() != '@' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view(":-_.\\@").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

}  // namespace everleaf
