// SPDX-License-Identifier: Apache-2.0
// How a command hangs itself into the tree: one function a command, each in its own file.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace everleaf::cli {

// A leaf of the command tree. `run` is called after its options were read (flag over environment over defaults.json)
// and answers the exit status; what it throws is shown by main as "everleaf: error: ...".
struct RunRules {
  int failed = 1;              // the exit status if it throws
  bool takes_defaults = true;  // from defaults.json, for what neither command line nor environment say
};
void on_run(CLI::App& command, std::function<int()> run, RunRules rules = {});
// The same for commands that step does not have: only its command line says what it does.
void on_own_run(CLI::App& command, std::function<int()> run, int failed = 1);

// FILE of the program's own --config: instead of defaults.json where no contexts are in use. Empty: not given.
std::filesystem::path& given_defaults();

// All commands. The man page and the completions are made from it, too (packaging/).
std::unique_ptr<CLI::App> command_tree();

// The exit status of the command that ran, or threw.
int exit_status();

void add_help(CLI::App& app);
void add_group_help(CLI::App& group);  // "everleaf ca help renew"
void add_path(CLI::App& app);
void add_context_current(CLI::App& context);
void add_context_list(CLI::App& context);
void add_context_remove(CLI::App& context);
void add_context_select(CLI::App& context);
void add_ca_bootstrap(CLI::App& ca);
void add_ca_certificate(CLI::App& ca);
void add_ca_federation(CLI::App& ca);
void add_ca_health(CLI::App& ca);
void add_ca_provisioner(CLI::App& ca);
void add_ca_rekey(CLI::App& ca);
void add_ca_renew(CLI::App& ca);
void add_ca_revoke(CLI::App& ca);
void add_ca_root(CLI::App& ca);
void add_ca_roots(CLI::App& ca);
void add_ca_sign(CLI::App& ca);
void add_ca_token(CLI::App& ca);
void add_certificate_bundle(CLI::App& certificate);
void add_certificate_create(CLI::App& certificate);
void add_certificate_fingerprint(CLI::App& certificate);
void add_certificate_format(CLI::App& certificate);
void add_certificate_inspect(CLI::App& certificate);
void add_certificate_install(CLI::App& certificate);
void add_certificate_key(CLI::App& certificate);
void add_certificate_needs_renewal(CLI::App& certificate);
void add_setup_nginx(CLI::App& setup);
void add_certificate_p12(CLI::App& certificate);
void add_certificate_uninstall(CLI::App& certificate);
void add_certificate_verify(CLI::App& certificate);
void add_check(CLI::App& app);
void add_plan(CLI::App& app);
void add_renew(CLI::App& app);
void add_status(CLI::App& app);

}  // namespace everleaf::cli
