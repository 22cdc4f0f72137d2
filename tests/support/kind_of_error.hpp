// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

#include <everleaf/error/error.hpp>

namespace everleaf {

// The kind of the error that `action` throws; throws itself if there is none.
template <typename Action>
ErrorKind kind_of_error(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  throw std::runtime_error("no error was thrown");
}

}  // namespace everleaf
