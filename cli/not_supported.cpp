// SPDX-License-Identifier: Apache-2.0
#include "cli/not_supported.hpp"

#include <everleaf/error/error.hpp>
#include "cli/command.hpp"

namespace everleaf::cli {
namespace {

constexpr auto hidden = "";  // CLI11 shows no group of this name
constexpr auto without_it = "leave it out, or use \"step\" for this";

// "ca provisioner ", the words that lead to what is below `command`.
std::string words_to(const CLI::App& command) {
  return command.get_parent() == nullptr ? "" : words_to(*command.get_parent()) + command.get_name() + " ";
}

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, what + " is not supported yet", hint);
}

}  // namespace

void refuse_flags(CLI::App& command, const std::vector<std::string>& flags) {
  for (const auto& flag : flags)
    command.add_option_function<std::string>(flag, [flag](const std::string&) { refuse(flag, without_it); })
        ->group(hidden);
}

void refuse_switches(CLI::App& command, const std::vector<std::string>& flags) {
  for (const auto& flag : flags) command.add_flag_callback(flag, [flag] { refuse(flag, without_it); })->group(hidden);
}

void refuse_other_credentials(CLI::App& command) {
  refuse_flags(command, {"--nebula-cert", "--nebula-key", "--attestation-ca-url", "--attestation-ca-root",
                         "--tpm-storage-directory", "--attestation-uri", "--kms"});
  refuse_switches(command, {"--console"});
}

void refuse_offline(CLI::App& command) {
  refuse_flags(command, {"--ca-config"});
  refuse_switches(command, {"--offline"});
}

void add_refused_command(CLI::App& parent, const std::string& name, const std::string& instead) {
  auto& command = *parent.add_subcommand(name, "Not supported yet")->group(hidden);
  command.set_help_flag();
  command.prefix_command();  // whatever stands behind it
  const auto full = words_to(parent) + name;
  on_own_run(command, [full, instead]() -> int { refuse("\"" + full + "\"", instead); });
}

}  // namespace everleaf::cli
