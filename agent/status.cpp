// SPDX-License-Identifier: Apache-2.0
#include "agent/status.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace everleaf::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json to_json(const std::optional<Time>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }

Json to_json(const CertificateStatus& certificate, Time now) {
  const auto& pair = certificate.pair;
  const bool expired = pair && now >= pair->validity.not_after;
  return {{"name", certificate.name},
          {"well", certificate.is_well(now)},
          {"problem", certificate.problem.empty() && expired ? "it has expired" : certificate.problem},
          {"hint", certificate.hint},
          {"fingerprint", pair ? Json(pair->leaf.hex()) : Json(nullptr)},
          {"not-before", pair ? Json(format_time(pair->validity.not_before)) : Json(nullptr)},
          {"not-after", pair ? Json(format_time(pair->validity.not_after)) : Json(nullptr)},
          {"renewal", to_json(certificate.renewal)},
          {"next-try", to_json(certificate.next_try)},
          {"next-look", to_json(certificate.next_look)},
          {"busy", certificate.busy},
          {"asked", certificate.asked},
          {"failures", certificate.attempts.failures},
          {"last-failure", to_json(certificate.attempts.last_failure)},
          {"last-error", certificate.attempts.last_error},
          {"last-success", to_json(certificate.attempts.last_success)},
          {"used-by", certificate.used_by}};
}

Json to_json(const Obligation& obligation) {
  return {{"certificate", obligation.certificate},
          {"fingerprint", obligation.leaf.hex()},
          {"since", format_time(obligation.since)},
          {"delivered", format_time(obligation.delivered)},
          {"deadline", to_json(obligation.deadline)}};
}

std::string problem_of(const ProxyStatus& proxy, Time now) {
  if (proxy.failing) return proxy.account.last_error;
  const auto deadline = outlived_deadline(proxy.account, now);
  if (!deadline) return {};
  return "workers from before a reload still serve, with a certificate that expires " + format_time(*deadline) +
         ": a worker_shutdown_timeout in nginx.conf ends them";
}

Json to_json(const ProxyStatus& proxy, Time now) {
  Json owed = Json::array();
  for (const auto& obligation : proxy.account.owed) owed.push_back(to_json(obligation));
  return {{"name", proxy.name},
          {"well", proxy.is_well(now)},
          {"problem", problem_of(proxy, now)},
          {"owed", std::move(owed)},
          {"failures", proxy.account.failures},
          {"last-failure", to_json(proxy.account.last_failure)},
          {"next-try", to_json(proxy.next_try)},
          {"last-adoption", to_json(proxy.last_adoption)},
          {"draining-workers", proxy.account.draining.size()},
          {"draining-deadline", to_json(draining_deadline(proxy.account))}};
}

bool is_well(const Status& status) {
  return std::all_of(status.certificates.begin(), status.certificates.end(),
                     [&](const auto& certificate) { return certificate.is_well(status.now); }) &&
         std::all_of(status.proxies.begin(), status.proxies.end(),
                     [&](const auto& proxy) { return proxy.is_well(status.now); });
}

}  // namespace

std::string to_json(const Status& status, const DaemonStatus& daemon) {
  Json certificates = Json::array();
  for (const auto& certificate : status.certificates) certificates.push_back(to_json(certificate, status.now));
  Json proxies = Json::array();
  for (const auto& proxy : status.proxies) proxies.push_back(to_json(proxy, status.now));
  const auto& ahead = status.ca_clock_ahead;
  return dump(
      {{"version", version},
       {"everleafd", EVERLEAF_VERSION},
       {"now", format_time(status.now)},
       {"started", format_time(daemon.started)},
       {"well", is_well(status) && daemon.refused.empty() && daemon.not_listening.empty() && daemon.makes_progress},
       {"configuration", daemon.configuration},
       {"configuration-refused", daemon.refused},
       {"not-listening", daemon.not_listening},
       {"ca-clock-ahead-seconds", ahead ? Json(ahead->count()) : Json(nullptr)},
       {"certificates", std::move(certificates)},
       {"proxies", std::move(proxies)}});
}

std::optional<std::string> to_json(const Status& status, const std::string& certificate) {
  const auto found = std::find_if(status.certificates.begin(), status.certificates.end(),
                                  [&](const auto& one) { return one.name == certificate; });
  if (found == status.certificates.end()) return std::nullopt;
  Json proxies = Json::array();
  for (const auto& proxy : status.proxies)
    if (std::find(found->used_by.begin(), found->used_by.end(), proxy.name) != found->used_by.end())
      proxies.push_back(to_json(proxy, status.now));
  return dump({{"version", version},
               {"now", format_time(status.now)},
               {"certificate", to_json(*found, status.now)},
               {"proxies", std::move(proxies)}});
}

}  // namespace everleaf::agent
