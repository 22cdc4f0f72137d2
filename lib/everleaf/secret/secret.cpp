// SPDX-License-Identifier: Apache-2.0
#include <everleaf/secret/secret.hpp>

#include <string.h>

#include <utility>

namespace everleaf {
namespace {

void wipe(std::string& bytes) {
  explicit_bzero(bytes.data(), bytes.size());
  bytes.clear();
}

}  // namespace

Secret::Secret(Secret&& other) noexcept : bytes_(other.bytes_.begin(), other.bytes_.end()) { wipe(other.bytes_); }

Secret& Secret::operator=(Secret other) noexcept {
  bytes_.swap(other.bytes_);
  return *this;
}

Secret::~Secret() { wipe(bytes_); }

}  // namespace everleaf
