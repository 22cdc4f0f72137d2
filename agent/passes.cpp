// SPDX-License-Identifier: Apache-2.0
#include "agent/passes.hpp"

namespace everleaf::agent {

Event waiting_event(const std::string& certificate, const CertificateResult& result) {
  const std::string when = result.renewal ? format_time(*result.renewal) : "";
  const std::string expires = result.expires ? format_time(*result.expires) : "";
  if (!result.failed)
    return {Priority::info, "waiting", {{"certificate", certificate}, {"renewal", when}, {"not_after", expires}}};
  return {Priority::warning,
          "retrying",
          {{"certificate", certificate}, {"next", when}, {"not_after", expires}, {"error", result.last_error}}};
}

}  // namespace everleaf::agent
