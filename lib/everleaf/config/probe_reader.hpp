// SPDX-License-Identifier: Apache-2.0
// Private to config/: the "probe" of a proxy, or of a certificate.
#pragma once

#include <everleaf/config/configuration.hpp>
#include <everleaf/config/toml_reader.hpp>

namespace everleaf {

// A probe as it is written, at [proxy.NAME] or at [certificate.NAME].
enum class ProbeOf { proxy, certificate };
struct ProbeDraft {
  ProbeOf kind;
  std::string owner;  // NAME
  std::string other;  // the certificate of a proxy's, the proxy of a certificate's; empty if it was not said
  std::optional<LoopbackUrl> echo;
  std::optional<Endpoint> upstream;
  std::optional<Endpoint> tls;
  ConfigurationProblem place;  // to be completed by the text
};

// One table, or a list of them; what is wrong with it is noted.
std::vector<ProbeDraft> read_probes(const toml::node& node, ProbeOf kind, const std::string& name,
                                    const ProblemList& problems);

// Gives the proxies their probes, once it is known who uses what.
void assign_probes(const std::vector<ProbeDraft>& drafts, Configuration& configuration,
                   std::vector<ConfigurationProblem>& problems);

}  // namespace everleaf
