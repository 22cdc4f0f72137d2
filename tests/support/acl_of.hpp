// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <tests/support/output_of.hpp>

namespace everleaf::testing {

// In the words of getfacl(1): "user::rw- group::--- group:www-data:r-- mask::r-- other::---".
inline std::string acl_of(const std::filesystem::path& path) {
  auto text = output_of("getfacl --omit-header --no-effective --absolute-names '" + path.string() + "' | tr '\\n' ' '");
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace everleaf::testing
