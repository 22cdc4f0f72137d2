// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

namespace CLI {
class App;
}

namespace everleaf::agent {

struct Options {
  enum class Mode { serve, once, check };
  std::filesystem::path configuration = "/etc/everleaf/everleaf.toml";
  Mode mode = Mode::serve;
};

// What can be given, read into `options`. The man page and the completions are made from it, too (packaging/).
std::unique_ptr<CLI::App> option_tree(Options& options);

// Nothing: the user was answered (--help, --version) or corrected; `exit_status` says which.
std::optional<Options> read_options(int argc, char** argv, int& exit_status);

}  // namespace everleaf::agent
