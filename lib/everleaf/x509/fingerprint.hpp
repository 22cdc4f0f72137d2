// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace everleaf {

// SHA-256, of a certificate's DER unless said otherwise: what step calls a fingerprint.
class Fingerprint {
 public:
  using Bytes = std::array<std::uint8_t, 32>;

  Fingerprint() = default;
  explicit Fingerprint(const Bytes& bytes) : bytes_(bytes) {}

  static Fingerprint of(std::string_view bytes);
  // Hex in either case; colons, hyphens and spaces between the digits are ignored, as people paste them.
  static std::optional<Fingerprint> parse(std::string_view hex);

  std::string hex() const;
  const Bytes& bytes() const { return bytes_; }

  // A number in [0, 1) that is the same for the same certificate and purpose, and evenly spread over a fleet. It stands
  // where others draw a random number.
  double fraction(unsigned purpose = 0) const;

  friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;

 private:
  Bytes bytes_{};
};

}  // namespace everleaf
