// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace everleaf {

// Whether it can be the name of a service: "nginx.service", "haproxy@internal.service".
bool is_service_name(std::string_view name);

}  // namespace everleaf
