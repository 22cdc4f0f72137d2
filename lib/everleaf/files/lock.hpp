// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <utility>

#include <everleaf/files/file.hpp>

namespace everleaf {

// A flock(2) held for as long as this lives. `path` may be a directory; a lock file is created (0600) if missing, and
// never removed: removing it would let two processes hold "the" lock.
class Lock {
 public:
  // Nothing if another process holds it.
  static std::optional<Lock> try_acquire(const std::filesystem::path& path);
  // Waits for it; throws cancelled when `stop` is requested, timed_out after `limit`.
  static Lock acquire(const std::filesystem::path& path, std::stop_token stop, std::chrono::milliseconds limit);

 private:
  explicit Lock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

}  // namespace everleaf
