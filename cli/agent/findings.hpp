// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/error/error.hpp>

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
  const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

// Whether systemd knows the units of proxies and lets the user of everleafd reload them; what nginx's configuration
// would do with a certificate that changes.
void check_proxies(const Configuration& configuration, Findings& findings);

}  // namespace everleaf::cli
