// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/command.hpp>
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

// Nothing where there is no systemd.
std::string property_of(const std::string& unit, const std::string& name) try {
  CommandLimits limits;
  limits.time = std::chrono::seconds(5);
  auto value = run_command({"systemctl", "show", "--value", "--property=" + name, "--", unit}, limits, {}).output;
  return value.substr(0, value.find('\n'));
} catch (const Error&) {
  return {};
}

bool has_failed(const std::string& unit) {
  return property_of(unit, "ActiveState") == "failed" || property_of(unit, "SubState") == "auto-restart";
}

void add_failed(const std::string& unit, Findings& findings) {
  findings.add(Verdict::error, unit, "it failed: " + escape(property_of(unit, "Result")),
               "the reason is in \"journalctl -u " + unit + "\"");
}

}  // namespace

// The one of the two that somebody chose; that the other one failed some time ago does not matter.
void check_units(Findings& findings) {
  const std::string daemon = "everleafd.service";
  const std::string once = "everleaf-renew.service";
  if (property_of(daemon, "UnitFileState") == "enabled" && has_failed(daemon)) add_failed(daemon, findings);
  if (property_of("everleaf-renew.timer", "ActiveState") == "active" && has_failed(once)) add_failed(once, findings);
}

}  // namespace everleaf::cli
