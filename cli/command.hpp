// SPDX-License-Identifier: Apache-2.0
// How a command hangs itself into the tree: one function a command, each in its own file.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace everleaf::cli {

// A leaf of the command tree. `run` is called after its options were read (flag over environment over defaults.json)
// and answers the exit status; what it throws is shown by main as "everleaf: error: ...".
// `failed` is the exit status if it throws.
void on_run(CLI::App& command, std::function<int()> run, int failed = 1);

// The exit status of the command that ran, or threw.
int exit_status();

void add_ca_bootstrap(CLI::App& ca);
void add_ca_certificate(CLI::App& ca);
void add_ca_health(CLI::App& ca);
void add_ca_rekey(CLI::App& ca);
void add_ca_renew(CLI::App& ca);
void add_ca_root(CLI::App& ca);
void add_ca_roots(CLI::App& ca);
void add_ca_token(CLI::App& ca);
void add_certificate_fingerprint(CLI::App& certificate);
void add_certificate_inspect(CLI::App& certificate);
void add_certificate_needs_renewal(CLI::App& certificate);

}  // namespace everleaf::cli
