// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace everleaf::packaging {

// Prints `command` and all below it as JSON: names, help, options. packaging/pages/make reads that.
void describe(const CLI::App& command);

}  // namespace everleaf::packaging
