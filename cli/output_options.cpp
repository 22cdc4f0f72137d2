// SPDX-License-Identifier: Apache-2.0
#include "cli/output_options.hpp"

#include <charconv>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

std::optional<unsigned> parse_number(const std::string& text, int base) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// By name, else by number, as chown(1) takes them.
template <typename Find>
auto find(const std::string& name, Find find_by_name, const char* flag, const char* what) {
  auto found = find_by_name(name);
  if (!found) found = parse_number(name, 10);
  if (!found)
    throw Error(ErrorKind::usage, "invalid value \"" + escape(name) + "\" for " + flag,
                std::string("there is no such ") + what + " here");
  return found;
}

mode_t parse_mode(const std::string& text, OutputOptions::Holds what) {
  const auto mode = parse_number(text, 8);
  if (!mode || text.size() > 4 || (*mode & 0400) == 0 || (*mode & ~0666U) != 0)
    throw Error(ErrorKind::usage, "invalid value \"" + escape(text) + "\" for --mode",
                "octal digits that let its owner read the file, as 0640");
  if (what == OutputOptions::Holds::key && (*mode & 07) != 0)
    throw Error(ErrorKind::usage, "--mode " + text + " would give the key to everybody",
                "as 0640, and --group for who else may read it");
  return *mode;
}

}  // namespace

void OutputOptions::add_to(CLI::App& command) {
  const OptionGroup heading(command, "What is written besides, and whose it is");
  command.add_option("--out-leaf", leaf, "where to write the certificate without its chain, too")->type_name("FILE");
  command.add_option("--out-chain", chain, "where to write only its chain, too: the intermediates")->type_name("FILE");
  command.add_option("--out-fullchain", full_chain, "where to write the certificate, its chain and the root, too")
      ->type_name("FILE");
  command.add_option("--owner", owner, "who owns the written files: a name or number; only root gives files away")
      ->type_name("USER");
  command.add_option("--group", group, "the group of the written files")->type_name("GROUP");
  command.add_option("--mode", mode, "permissions of the written files; default: as they are, 0600 if they are new")
      ->type_name("OCTAL");
}

std::vector<std::filesystem::path> OutputOptions::parts() const {
  std::vector<std::filesystem::path> files;
  for (const auto& file : {leaf, chain, full_chain})
    if (!file.empty()) files.emplace_back(file);
  return files;
}

FileAccess OutputOptions::access_to(const std::filesystem::path& file, Holds what) const {
  FileAccess access(mode.empty() ? mode_of(file, file_mode::private_key) : parse_mode(mode, what));
  if (!owner.empty()) access.owner = find(owner, find_user, "--owner", "user");
  if (!group.empty()) access.group = find(group, find_group, "--group", "group");
  return access;
}

}  // namespace everleaf::cli
