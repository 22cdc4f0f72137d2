// SPDX-License-Identifier: Apache-2.0
// Options that several commands share, each declared once.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/step_ca/step_ca.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/private_key.hpp>
#include "cli/terminal.hpp"

namespace everleaf::cli {

// The heading under which --help lists the options that are added while this lives.
class OptionGroup {
 public:
  OptionGroup(CLI::App& command, const std::string& heading) : defaults_(*command.option_defaults()) {
    defaults_.group(heading);
  }
  ~OptionGroup() { defaults_.group("Options"); }
  OptionGroup(const OptionGroup&) = delete;
  OptionGroup& operator=(const OptionGroup&) = delete;

 private:
  CLI::OptionDefaults& defaults_;
};

// Refuses what is not UTF-8, by the option's name: for what goes into certificates and JSON, which have nothing else.
CLI::Option* require_utf8(CLI::Option* option);

// --ca-url, --root and --context: which CA, and why it is trusted.
struct CaOptions {
  std::string ca_url;
  std::string root;
  std::string context;

  void add_to(CLI::App& command);
  void add_url_to(CLI::App& command);      // without --root, for commands that fetch it
  HttpsUrl url() const;                    // throws usage if there is none
  std::vector<Certificate> roots() const;  // of --root, else of STEPPATH; throws missing with a hint
  StepCa connect(std::stop_token stop = {}) const;
};

void say_ca(const StepCa& ca);

// --fingerprint of a root that is not here yet.
struct FingerprintOption {
  std::string text;

  void add_to(CLI::App& command);
  Fingerprint fingerprint() const;  // throws usage
};

struct ForceOption {
  bool force = false;

  void add_to(CLI::App& command);
  ExistingFiles existing_files() const { return force ? ExistingFiles::replace : ExistingFiles::ask; }
};

// --kty, --curve, --size.
struct KeyOptions {
  std::string kty = "EC";
  std::string curve;
  int size = 0;

  void add_to(CLI::App& command);
  KeyType type() const;  // throws usage
};

// As a token's "cnf" names a request.
std::string base64url_of(const Fingerprint& fingerprint);

// --not-before and --not-after of a certificate: sent as typed, so that the CA's clock decides; checked for form here.
struct ValidityOptions {
  std::string not_before;
  std::string not_after;

  void add_to(CLI::App& command);
  std::optional<std::chrono::seconds> lifetime() const;  // if both ends are known to us
  Time begin(Time now) const;                            // by our clock, as the following
  std::optional<Time> end(Time now) const;               // if it was given
};

// --exec, --pid, --pid-file, --signal: what is told of a new certificate.
struct HookOptions {
  std::string exec;
  std::optional<int> pid;
  std::string pid_file;
  int signal = 1;

  void add_to(CLI::App& command);
  bool any() const { return pid || !pid_file.empty() || !exec.empty(); }
  // The signal first, then the program, which is ended after `limit`. Throws hook or cancelled.
  void run(std::chrono::milliseconds limit, std::stop_token stop) const;
  // The same as long as it takes, and with our stdin, stdout and stderr; answers the program's exit status.
  int run_once(std::stop_token stop) const;
};

// "1h" or "2d"; throws usage naming the flag.
Duration require_duration(const std::string& text, const std::string& flag, Duration least = Duration{0});

}  // namespace everleaf::cli
