// SPDX-License-Identifier: Apache-2.0
#include "agent/options.hpp"
#include "packaging/pages/describe.hpp"

int main() {
  everleaf::agent::Options options;
  everleaf::packaging::describe(*everleaf::agent::option_tree(options));
}
