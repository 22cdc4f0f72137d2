// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/withhold.hpp>

#include <algorithm>

#include <everleaf/probe/upstream.hpp>

namespace everleaf {
namespace {

std::vector<Endpoint> upstreams_of(const Configuration& configuration, const ManagedCertificate& certificate) {
  std::vector<Endpoint> upstreams;
  for (const auto& name : certificate.used_by)
    for (const auto& probe : configuration.proxies.at(name).probes)
      if (probe.certificate == certificate.name && probe.upstream) upstreams.push_back(*probe.upstream);
  return upstreams;
}

}  // namespace

WithheldStep next_step(const Withheld& withheld, const PairOnDisk& pending, const PairOnDisk* live,
                       std::optional<std::chrono::seconds> survive, Time now) {
  if (now >= renewal_time(pending, survive)) return Discard{};
  if (withheld.last_refusal > now) return Offer{};  // the clock was wrong
  auto again = retry_time_without_deadline(pending.leaf, withheld.refusals, withheld.last_refusal);
  if (live == nullptr) return Offer{};
  if (live->validity.not_after > withheld.last_refusal) again = std::min(again, live->validity.not_after);
  if (again <= now) return Offer{};
  return Hold{again};
}

std::optional<std::string> refused_upstream(const Configuration& configuration, const ManagedCertificate& certificate,
                                            const Identity& pending, const Identity& live, std::stop_token stop) {
  for (const auto& upstream : upstreams_of(configuration, certificate)) {
    auto reception = ask_upstream(upstream, pending, stop);
    if (reception.welcome == Welcome::refused && ask_upstream(upstream, live, stop).welcome == Welcome::given)
      return std::move(reception.words);
  }
  return std::nullopt;
}

}  // namespace everleaf
