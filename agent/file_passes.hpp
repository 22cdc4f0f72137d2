// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/at_the_ca.hpp"
#include "agent/event.hpp"
#include "agent/passes.hpp"

namespace everleaf::agent {

// The passes on real files and a real CA.
class FilePasses : public Passes {
 public:
  explicit FilePasses(std::size_t at_the_ca_at_a_time) : at_the_ca_(at_the_ca_at_a_time) {}

  CertificateResult tend(const Configuration& configuration, const ManagedCertificate& certificate,
                         std::stop_token stop) override;
  CertificateResult renew(const Configuration& configuration, const ManagedCertificate& certificate,
                          std::stop_token stop) override;
  CertificateResult retry(const Configuration& configuration, const ManagedCertificate& certificate,
                          std::stop_token stop) override;
  // For a timer, which comes again: what is damaged again and again is put right no more often for that.
  CertificateResult retry_failed(const Configuration& configuration, const ManagedCertificate& certificate);
  CertificateResult swap(const Configuration& configuration, const ManagedCertificate& certificate,
                         const Staged& staged) override;
  ProxyResult adopt(const Configuration& configuration, const Proxy& proxy, std::stop_token stop) override;
  ProxyResult judge(const Configuration& configuration, const Proxy& proxy,
                    const std::vector<std::string>& certificates, std::stop_token stop) override;

 private:
  AtTheCa at_the_ca_;
};

// Makes live/ and state/, and keeps the state's lock for as long as it lives: one daemon or --once per state directory.
// Given files that a crash left of two generations are whole when it is made: a proxy that starts after us needs that.
// Throws conflict if another process holds the lock.
class StateInUse {
 public:
  explicit StateInUse(const Configuration& configuration);
  ~StateInUse();

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace everleaf::agent
