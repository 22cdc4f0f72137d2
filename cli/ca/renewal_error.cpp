// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/renewal_error.hpp"

namespace everleaf::cli {

Error renewal_error(const Error& error, std::string_view doing) {
  const auto outer = error.within(doing);
  if (error.kind() != ErrorKind::unauthorized || !error.hint().empty()) return outer;
  return outer.with_hint("if it is revoked or expired, request a new one with \"everleaf ca certificate\"");
}

}  // namespace everleaf::cli
