// SPDX-License-Identifier: Apache-2.0
#include "agent/passes.hpp"

namespace everleaf::agent {

Event waiting_event(const std::string& certificate, const CertificateResult& result) {
  const auto text = [](const std::optional<Time>& time) { return time ? format_time(*time) : ""; };
  if (!result.failed)
    return {Priority::info,
            "waiting",
            {{"certificate", certificate}, {"renewal", text(result.renewal)}, {"not_after", text(result.expires)}}};
  return {Priority::warning,
          "retrying",
          {{"certificate", certificate},
           {"next", text(result.next_try)},
           {"not_after", text(result.expires)},
           {"error", result.last_error}}};
}

}  // namespace everleaf::agent
