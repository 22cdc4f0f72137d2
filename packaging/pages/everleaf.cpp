// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "packaging/pages/describe.hpp"

int main() { everleaf::packaging::describe(*everleaf::cli::command_tree()); }
