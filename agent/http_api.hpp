// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/agent.hpp"
#include "agent/http_endpoint.hpp"
#include "agent/status.hpp"

namespace everleaf::agent {

// What everleafd answers (docs/status.md): GET /status, /certificates/NAME, /metrics and /healthz, and
// POST /certificates/NAME/renew, which is logged with who asked.
HttpAnswer answer(const HttpCall& call, Agent& agent, const DaemonStatus& daemon, const Log& log);

}  // namespace everleaf::agent
