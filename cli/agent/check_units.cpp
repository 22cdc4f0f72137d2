// SPDX-License-Identifier: Apache-2.0
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

// In lines as "ActiveState=failed"; nothing where there is no systemd.
std::string state_of(const std::string& unit) try {
  return answer_of({"systemctl", "show", "--property=UnitFileState,ActiveState,SubState,Result", "--", unit});
} catch (const Error&) {
  return {};
}

bool says(const std::string& state, const std::string& line) { return state.find(line + "\n") != std::string::npos; }

void check_failure(const std::string& unit, const std::string& state, Findings& findings) {
  if (!says(state, "ActiveState=failed") && !says(state, "SubState=auto-restart")) return;
  const std::string member = "Result=";
  const auto result = state.substr(state.find(member) + member.size());
  findings.add(Verdict::error, unit, "it failed: " + escape(result.substr(0, result.find('\n'))),
               "the reason is in \"journalctl -u " + unit + "\"");
}

}  // namespace

// The one of the two that somebody chose; that the other one failed some time ago does not matter.
void check_units(Findings& findings) {
  const std::string daemon = "everleafd.service";
  const std::string once = "everleaf-renew.service";
  if (const auto state = state_of(daemon); says(state, "UnitFileState=enabled")) check_failure(daemon, state, findings);
  if (says(state_of("everleaf-renew.timer"), "ActiveState=active")) check_failure(once, state_of(once), findings);
}

}  // namespace everleaf::cli
