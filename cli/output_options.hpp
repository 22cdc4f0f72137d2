// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <everleaf/files/file_access.hpp>

namespace everleaf::cli {

// --out-leaf, --out-chain, --out-fullchain: parts of the new certificate in files of their own. --owner, --group,
// --mode: of every file that is written.
struct OutputOptions {
  std::string leaf;
  std::string chain;
  std::string full_chain;
  std::string owner;
  std::string group;
  std::string mode;

  void add_to(CLI::App& command);
  std::vector<std::filesystem::path> parts() const;  // those of the three that are wanted
  // Of a file that is going to be written: what is asked for, else what it has, else 0600. Throws usage for an unknown
  // user or group, and for a mode that is none or lets everybody read a key.
  enum class Holds { certificates, key };
  FileAccess access_to(const std::filesystem::path& file, Holds what) const;
};

}  // namespace everleaf::cli
