// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/time/time.hpp>
#include "agent/event.hpp"

namespace everleaf::agent {

// A new generation lies ready beside what is live.
struct Staged {
  Fingerprint leaf;
  std::optional<Fingerprint> replaces;  // the leaf that was live when it was asked for
};

struct CertificateResult {
  std::optional<Staged> staged;  // to be swapped in as soon as no proxy that uses it is reloading
  Time look_again{};             // if nothing is staged
  std::optional<Time> renewal;   // when it will be renewed, if it is fine
  std::optional<Time> expires;
  bool failed = false;     // it is not as it should be: something failed, and is due again at look_again
  std::string last_error;  // why
  std::vector<Event> events;
};

struct ProxyResult {
  std::vector<std::string> adopted;  // certificates
  std::optional<Time> try_again;     // it failed
  std::vector<Event> events;
};

// What the log and --once say of a certificate on which nothing is to be done now: "waiting" if it is good, else
// "retrying" with the last error.
Event waiting_event(const std::string& certificate, const CertificateResult& result);

// The blocking pieces of work, each a step of the lifecycle on one certificate or proxy. They run on workers; nothing
// is shared but the files. Cancelled ones answer with what they have.
class Passes {
 public:
  virtual ~Passes() = default;

  // Looks, plans, and carries out: at the end the certificate is fine, or a new one is staged, or it failed.
  virtual CertificateResult tend(const Configuration&, const ManagedCertificate&, std::stop_token) = 0;
  virtual CertificateResult swap(const Configuration&, const ManagedCertificate&, const Staged&) = 0;
  virtual ProxyResult adopt(const Configuration&, const Proxy&, std::stop_token) = 0;
};

}  // namespace everleaf::agent
