// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/fingerprint.hpp>

#include <openssl/sha.h>

#include <cctype>

#include <everleaf/x509/digest.hpp>

namespace everleaf {

Fingerprint Fingerprint::of(std::string_view bytes) {
  Fingerprint result;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), result.bytes_.data());
  return result;
}

std::optional<Fingerprint> Fingerprint::parse(std::string_view hex) {
  Fingerprint result;
  std::size_t digits = 0;
  for (const char c : hex) {
    if (c == ':' || c == '-' || c == ' ') continue;
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 || digits == 64) return std::nullopt;
    const int value = std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0' : (c | 0x20) - 'a' + 10;
    auto& byte = result.bytes_[digits / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | value);
    ++digits;
  }
  if (digits != 64) return std::nullopt;
  return result;
}

std::string Fingerprint::hex() const {
  return everleaf::hex({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
}

// The bytes of a hash are uniform, so one 64-bit mixing step (the finaliser of MurmurHash3) is enough to get an
// independent number for each purpose.
double Fingerprint::fraction(unsigned purpose) const {
  std::uint64_t mixed = purpose * 0x9e3779b97f4a7c15ULL;
  for (std::size_t i = 0; i < 8; ++i) mixed ^= std::uint64_t{bytes_[i]} << (8 * i);
  mixed = (mixed ^ mixed >> 33) * 0xff51afd7ed558ccdULL;
  mixed = (mixed ^ mixed >> 33) * 0xc4ceb9fe1a85ec53ULL;
  mixed ^= mixed >> 33;
  return static_cast<double>(mixed >> 11) * 0x1p-53;
}

}  // namespace everleaf
