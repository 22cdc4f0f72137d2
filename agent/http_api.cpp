// SPDX-License-Identifier: Apache-2.0
#include "agent/http_api.hpp"

#include <string_view>

#include <everleaf/config/load.hpp>

namespace everleaf::agent {
namespace {

HttpAnswer refuse(unsigned status, const std::string& why) {
  return {.status = status, .body = "{\"error\":\"" + why + "\"}\n"};
}

HttpAnswer health(const DaemonStatus& daemon) {
  if (daemon.makes_progress) return {.type = "text/plain", .body = "ok\n"};
  return {503, "text/plain", "a worker is stuck\n"};
}

HttpAnswer renew(const std::string& name, const HttpCall& call, Agent& agent, const Log& log) {
  if (!agent.renew(name)) return refuse(404, "there is no such certificate");
  log({Priority::info,
       "renewal-asked",
       {{"certificate", name}, {"uid", call.peer ? std::to_string(*call.peer) : "unknown"}}});
  return {.status = 202, .body = *to_json(agent.status(), name)};
}

HttpAnswer certificate(const HttpCall& call, std::string_view rest, Agent& agent, const Log& log) {
  const auto name = std::string(rest.substr(0, rest.find('/')));
  const auto verb = rest.substr(name.size());
  if (!is_valid_name(name) || (!verb.empty() && verb != "/renew")) return refuse(404, "there is nothing here");
  if ((call.method == "POST") == verb.empty()) return refuse(405, verb.empty() ? "only GET" : "only POST");
  if (!verb.empty()) return renew(name, call, agent, log);
  auto json = to_json(agent.status(), name);
  return json ? HttpAnswer{.body = std::move(*json)} : refuse(404, "there is no such certificate");
}

}  // namespace

HttpAnswer answer(const HttpCall& call, Agent& agent, const DaemonStatus& daemon, const Log& log) {
  constexpr std::string_view certificates = "/certificates/";
  if (call.path.starts_with(certificates))
    return certificate(call, std::string_view(call.path).substr(certificates.size()), agent, log);
  if (call.path != "/status" && call.path != "/metrics" && call.path != "/healthz")
    return refuse(404, "there is nothing here");
  if (call.method != "GET") return refuse(405, "only GET");
  if (call.path == "/healthz") return health(daemon);
  if (call.path == "/status") return {.body = to_json(agent.status(), daemon)};
  return {.type = "text/plain; version=0.0.4", .body = to_metrics(agent.status(), daemon)};
}

}  // namespace everleaf::agent
