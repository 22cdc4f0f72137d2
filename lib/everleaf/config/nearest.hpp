// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace everleaf {

// The candidate that `word` was probably meant to be (edit distance at most a third of its length, at least 1 and at
// most 3), empty if there is none.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace everleaf
