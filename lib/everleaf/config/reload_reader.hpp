// SPDX-License-Identifier: Apache-2.0
// Private to config/: the "reload" of a proxy.
#pragma once

#include <everleaf/config/configuration.hpp>
#include <everleaf/config/toml_reader.hpp>

namespace everleaf {

// Into `proxy`; what is wrong with it is noted. `title` is what problems call the proxy.
void read_reload(const toml::node& node, const std::string& title, Proxy& proxy, const ProblemList& problems);

}  // namespace everleaf
