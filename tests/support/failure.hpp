// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <functional>

#include <everleaf/error/error.hpp>

namespace everleaf::testing {

// The Error that `work` throws; the case fails if it throws none.
inline Error failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  throw;  // FAIL throws
}

}  // namespace everleaf::testing
