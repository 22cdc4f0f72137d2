// SPDX-License-Identifier: Apache-2.0
#include <everleaf/systemd/service_name.hpp>

#include <doctest/doctest.h>

using namespace everleaf;

TEST_CASE("a service has a name that systemd.unit(5) allows") {
  for (const auto* name : {"nginx.service", "haproxy@internal.service", "a-b_c.d:e.service", "a\\x2db.service"})
    CHECK_MESSAGE(is_service_name(name), name);
  for (const auto* name : {"", "nginx", ".service", "nginx.timer", "nginx@.service", "@a.service", "a b.service",
                           "a/b.service", "nginx.service\n", "nginx.service "})
    CHECK_MESSAGE(!is_service_name(name), name);
  CHECK(is_service_name(std::string(247, 'a') + ".service"));
  CHECK(!is_service_name(std::string(248, 'a') + ".service"));
}
