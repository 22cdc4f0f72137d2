// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/serial_number.hpp>

#include <cctype>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

constexpr std::size_t most_digits = 200;

int base_of(const std::string& text) {
  if (text.size() < 2 || text[0] != '0') return 10;
  switch (std::tolower(static_cast<unsigned char>(text[1]))) {
    case 'x': return 16;
    case 'b': return 2;
    default: return 8;
  }
}

int digit_of(char c) {
  if (std::isdigit(static_cast<unsigned char>(c)) != 0) return c - '0';
  return std::isxdigit(static_cast<unsigned char>(c)) != 0 ? std::tolower(static_cast<unsigned char>(c)) - 'a' + 10
                                                           : 99;
}

}  // namespace

std::optional<std::string> parse_serial_number(const std::string& text) {
  const int base = base_of(text);
  std::size_t begin = 0;
  if (base != 10) begin = std::isdigit(static_cast<unsigned char>(text[1])) != 0 ? 1 : 2;
  if (text.size() <= begin || text.size() > most_digits) return std::nullopt;
  const BignumPtr number(BN_new());
  for (const char c : text.substr(begin)) {
    const int digit = digit_of(c);
    if (digit >= base) return std::nullopt;
    BN_mul_word(number.get(), static_cast<BN_ULONG>(base));
    BN_add_word(number.get(), static_cast<BN_ULONG>(digit));
  }
  char* decimal = BN_bn2dec(number.get());
  std::string result = decimal;
  OPENSSL_free(decimal);
  return result;
}

}  // namespace everleaf
