// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/step_ca/provisioner.hpp>

namespace everleaf::cli {

enum class Verdict { ok, skipped, warning, error };

// One thing that `everleaf check` looked at.
struct Finding {
  Verdict verdict;
  std::string about;  // "CA", "certificate upstream", a file ...
  std::string text;
  std::string hint;
};

class Findings {
 public:
  void add(Verdict verdict, std::string about, std::string text, std::string hint = {}) {
    all_.push_back({verdict, std::move(about), std::move(text), std::move(hint)});
  }
  // What `look` answers is in order; what it throws is not.
  template <typename Look>
  void look_at(const std::string& about, Look look) try {
    add(Verdict::ok, about, look());
  } catch (const Error& error) {
    add(Verdict::error, about, error.what(), error.hint());
  }
  // Whether an error about it says this, among other words perhaps.
  bool has_error(const std::string& about, const std::string& text) const {
    return std::any_of(all_.begin(), all_.end(), [&](const auto& one) {
      return one.verdict == Verdict::error && one.about == about && one.text.find(text) != std::string::npos;
    });
  }
  const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

// Whether certificates do their work, and others can be put in their place: seen as the user who owns the state.
void check_certificates(const Configuration& configuration, const std::vector<Provisioner>& provisioners,
                        Findings& findings);

// Whether what it enrolls with is there and good. While it has a pair that is a warning, and a token may be spent.
void check_enrollment(const ManagedCertificate& certificate, bool has_pair,
                      const std::vector<Provisioner>& provisioners, Findings& findings);

// What a program of the system prints, within seconds; throws as run_command(). systemctl and pkcheck are asked, not
// libsystemd: every command would pay for loading that.
std::string answer_of(const std::vector<std::string>& command);

// Whether the unit that is to keep the certificates fresh has failed: for a reason that only it sees, perhaps.
void check_units(Findings& findings);

// Throws why it could not be started, as a unit would, by whom we are.
void require_startable(const std::string& program);

// Whether systemd knows the units of proxies and lets the user of everleafd reload them; what nginx's configuration
// would do with a certificate that changes.
void check_proxies(const Configuration& configuration, Findings& findings);

}  // namespace everleaf::cli
