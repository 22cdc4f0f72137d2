// SPDX-License-Identifier: Apache-2.0
// Private: included only by sources of template/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <everleaf/template/value.hpp>

namespace everleaf::templates {

// Throws malformed, with the nearest name, if we have no function of this name. "and" and "or" are functions too.
void require_function(const std::string& name, unsigned line);

// Of text/template/funcs.go, Sprig and go.step.sm/crypto/internal/templates, as they are there; what they do by
// chance, by the clock, or with more of Unicode than we know is refused. Throws malformed, also for arguments that
// Go's would take but mean nothing (printf "%d" of a string).
Value call_function(const std::string& name, const std::vector<Value>& arguments);

}  // namespace everleaf::templates
