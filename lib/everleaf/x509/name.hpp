// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace everleaf {

// One subject alternative name (RFC 5280, section 4.2.1.6), of the kinds that step-ca issues.
struct Name {
  enum class Kind { dns, email, ip, uri };  // the order in which step-ca writes them
  Kind kind;
  std::string value;

  // Takes plain text for what step takes it for: an IP address, a URI with a scheme, an e-mail address, else DNS.
  static Name classify(std::string_view text);

  friend auto operator<=>(const Name&, const Name&) = default;
};

std::vector<Name> classify_all(const std::vector<std::string>& texts);
// "a.local, 10.0.0.7", escaped; for people.
std::string list(const std::vector<Name>& names);

}  // namespace everleaf
