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

// --ca-url and --root: which CA, and why it is trusted.
struct CaOptions {
  std::string ca_url;
  std::string root;

  void add_to(CLI::App& command);
  HttpsUrl url() const;                    // throws usage if there is none
  std::vector<Certificate> roots() const;  // of --root, else of STEPPATH; throws missing with a hint
  StepCa connect() const;
};

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

// --provisioner and the password of its key.
struct ProvisionerOptions {
  std::string provisioner;
  std::string password_file;

  void add_to(CLI::App& command);
  // A one-time token of the chosen JWK provisioner, and says which that is.
  Secret make_token(StepCa& ca, const std::string& subject, const std::vector<std::string>& names,
                    const Validity& validity) const;
};

// --not-before and --not-after of a certificate: sent as typed, so that the CA's clock decides; checked for form here.
struct ValidityOptions {
  std::string not_before;
  std::string not_after;

  void add_to(CLI::App& command);
  std::optional<std::chrono::seconds> lifetime() const;  // if both ends are known to us
};

// --exec, --pid, --pid-file, --signal: what is told of a new certificate.
struct HookOptions {
  std::string exec;
  std::optional<int> pid;
  std::string pid_file;
  int signal = 1;

  void add_to(CLI::App& command);
  void run() const;  // the signal first, then the program; throws hook
};

// "1h" or "2d"; throws usage naming the flag.
Duration require_duration(const std::string& text, const std::string& flag);

}  // namespace everleaf::cli
