// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <everleaf/lifecycle/upkeep.hpp>
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {

// What `ca renew` and `ca rekey` share: of which pair, when and how often, where to, and what is told of it.
struct RenewalOptions {
  std::string certificate_file;
  std::string key_file;
  std::string password_file;
  std::string expires_in;
  std::string period;
  bool daemon = false;
  bool exit_status = false;
  HookOptions hooks;
  CaOptions ca;
  ForceOption force;
  OutputOptions output;

  // `period_flag`: step calls it differently for each.
  void add_to(CLI::App& command, const std::string& period_flag);
};

// What one of the two commands does with its pair.
struct Renewal {
  std::string verb;         // "renew"
  std::string past;         // "renewed"
  std::string certificate;  // the files that hold the pair afterwards
  std::string key;
  KeyFile key_file;
  // Asks the CA, and answers what may be written.
  std::function<Identity(StepCa& ca, const Identity& present)> ask;
  std::function<void()> say_saved;
};

// How ca renew and ca rekey end with --exit-status if there was nothing to do.
inline constexpr int not_due_status = 3;

// Once if it is due, or with --daemon until told to stop; answers the exit status.
int run(const RenewalOptions& options, const Renewal& renewal);

// Obtains and writes. `before_writing` hears of what the CA issued while nothing is written yet.
Identity obtain(const RenewalOptions& options, const Renewal& renewal, const Identity& present, ExistingFiles existing,
                const std::function<void(const Identity&)>& before_writing, std::stop_token stop);

}  // namespace everleaf::cli
