// SPDX-License-Identifier: Apache-2.0
#include "agent/service_manager.hpp"

#include <doctest/doctest.h>

using namespace everleaf;
using namespace everleaf::agent;
using namespace std::chrono;

TEST_CASE("the status names the next renewal and what needs attention") {
  const Time renewal = sys_days{2026y / January / 2};
  CHECK(to_status({.certificates = 0}) == "0 certificates");
  CHECK(to_status({.certificates = 1, .next_renewal = {{renewal, "upstream"}}}) ==
        "1 certificate, next renewal upstream at 2026-01-02T00:00:00Z");
  CHECK(to_status({.certificates = 2, .failing = 1}) == "2 certificates, 1 needs attention");
  CHECK(to_status({.certificates = 3, .failing = 2}) == "3 certificates, 2 need attention");
}
