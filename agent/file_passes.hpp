// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/passes.hpp"

namespace everleaf::agent {

// The passes on real files and a real CA.
class FilePasses : public Passes {
 public:
  CertificateResult tend(const Configuration& configuration, const ManagedCertificate& certificate,
                         std::stop_token stop) override;
  CertificateResult swap(const Configuration& configuration, const ManagedCertificate& certificate,
                         const Staged& staged) override;
  ProxyResult adopt(const Configuration& configuration, const Proxy& proxy, std::stop_token stop) override;
};

// Lets what failed before be tried again now, unless the CA asked for patience: somebody has just changed something.
void retry_at_once(const Configuration& configuration);

// Makes live/ and state/, and keeps the state's lock for as long as it lives: one daemon or --once per state directory.
// Throws conflict if another process holds it.
class StateInUse {
 public:
  explicit StateInUse(const Configuration& configuration);
  ~StateInUse();

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace everleaf::agent
