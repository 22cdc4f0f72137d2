// SPDX-License-Identifier: Apache-2.0
#include "agent/adoption_events.hpp"

#include <algorithm>

#include <everleaf/error/error.hpp>

namespace everleaf::agent {
namespace {

std::string deadline_of(const std::string& certificate, const std::vector<Obligation>& owed) {
  for (const auto& one : owed)
    if (one.certificate == certificate && one.deadline) return format_time(*one.deadline);
  return {};
}

std::string format(const std::optional<Time>& time) { return time ? format_time(*time) : ""; }

}  // namespace

std::vector<Event> events_of(const std::string& proxy, const AdoptionResult& adoption) {
  std::vector<Event> events;
  const auto alarm = adoption.account.failures > 1 ? Priority::error : Priority::warning;
  if (adoption.error)
    events.push_back({alarm,
                      "reload-failed",
                      {{"proxy", proxy},
                       {"error", adoption.error->what()},
                       {"hint", adoption.error->hint()},
                       {"deadline", format(earliest_deadline(adoption.account.owed))},
                       {"next", format_time(*adoption.try_again)}}});
  for (const auto& [certificate, found] : adoption.unproven)
    events.push_back({alarm,
                      "unproven",
                      {{"certificate", certificate},
                       {"proxy", proxy},
                       {"error", found},
                       {"deadline", deadline_of(certificate, adoption.account.owed)},
                       {"next", format_time(*adoption.try_again)}}});
  for (const auto& obligation : adoption.adopted) {
    events.push_back(
        {Priority::info,
         adoption.reloaded.running ? "adopted" : "not-running",
         {{"certificate", obligation.certificate}, {"proxy", proxy}, {"fingerprint", obligation.leaf.hex()}}});
  }
  if (const auto& workers = adoption.reloaded.draining; !workers.empty())
    events.push_back({Priority::info,
                      "draining",
                      {{"proxy", proxy},
                       {"workers", std::to_string(workers.size())},
                       {"deadline", format(draining_deadline(adoption.account))}}});
  if (const auto& workers = adoption.draining.alarming; !workers.empty())
    events.push_back(
        {Priority::error,
         "drains-too-long",
         {{"proxy", proxy},
          {"workers", std::to_string(workers.size())},
          {"error", "workers from before a reload still serve, with a certificate that is about to expire"},
          {"hint", "a worker_shutdown_timeout in nginx.conf ends them"},
          {"deadline", format(draining_deadline(adoption.account))}}});
  return events;
}

std::vector<Event> events_of(const std::string& proxy, const Judgement& judgement) {
  std::vector<Event> events;
  for (const auto& [certificate, withheld, deadline] : judgement.taken_back)
    events.push_back({Priority::error,
                      "taken-back",
                      {{"certificate", certificate},
                       {"proxy", proxy},
                       {"fingerprint", withheld.leaf.hex()},
                       {"error", withheld.reason},
                       {"deadline", format_time(deadline)}}});
  if (judgement.broken)
    events.push_back(
        {Priority::error,
         "proxy-broken",
         {{"proxy", proxy},
          {"error", judgement.broken->what()},
          {"hint", "it refuses what it had before, too: mend its configuration, or start it if it does not run"},
          {"deadline", format(earliest_deadline(judgement.adoption.account.owed))}}});
  for (auto& event : events_of(proxy, judgement.adoption)) events.push_back(std::move(event));
  return events;
}

}  // namespace everleaf::agent
