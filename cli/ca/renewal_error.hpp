// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <everleaf/error/error.hpp>

namespace everleaf::cli {

// `error` as the user of renew and rekey reads it: "cannot renew client.crt: ...", and what helps if the CA refused.
Error renewal_error(const Error& error, std::string_view doing);

}  // namespace everleaf::cli
