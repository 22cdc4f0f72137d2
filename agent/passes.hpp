// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/state/state.hpp>
#include <everleaf/time/time.hpp>
#include "agent/event.hpp"

namespace everleaf::agent {

// A new generation lies ready beside what is live; or was put in its place by somebody else, and who uses it does not
// know.
struct Staged {
  Fingerprint leaf;
  std::optional<Fingerprint> replaces;  // the leaf that was live when it was asked for
  bool is_live = false;
};

struct CertificateResult {
  std::optional<Staged> staged;  // to be swapped in as soon as no proxy that uses it is reloading
  Time look_again{};             // if nothing is staged
  std::optional<Time> renewal;   // when it is due, if it was looked at
  std::optional<Time> next_try;  // when what failed is tried again
  std::optional<Time> expires;
  bool trust_changed = false;  // all certificates have to be looked at
  bool issued = false;         // the CA has just issued what is staged
  bool failed = false;         // it is not as it should be: something failed, and is due again at look_again
  std::string last_error;      // why
  std::string last_hint{};     // what may mend it
  std::vector<Event> events;
  // For who asks how it stands; nothing if this pass did not find out.
  std::optional<OnDisk> on_disk{};
  std::optional<Attempts> attempts{};
  std::optional<Obligation> delivered{};
  std::vector<std::string> owed_by{};  // proxies that have not taken up what is live, by their accounts
};

struct ProxyResult {
  std::vector<std::string> adopted;    // certificates
  std::vector<std::string> refused;    // what it refused all together: judge() says which of them it means
  std::vector<std::string> disturbed;  // other proxies that have to reload
  std::optional<Time> try_again;       // it failed
  std::optional<Time> look_again{};    // it did not, but has workers that drain
  std::vector<Event> events;
  // For who asks how it stands; nothing if this pass did not find out.
  std::optional<ProxyState> account{};
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
  // The same as if the wait that was planned were over.
  virtual CertificateResult renew(const Configuration& configuration, const ManagedCertificate& certificate,
                                  std::stop_token stop) {
    return tend(configuration, certificate, std::move(stop));
  }
  // The same as if what failed had not, unless the CA asked for patience: somebody has just changed something.
  virtual CertificateResult retry(const Configuration& configuration, const ManagedCertificate& certificate,
                                  std::stop_token stop) {
    return tend(configuration, certificate, std::move(stop));
  }
  virtual CertificateResult swap(const Configuration&, const ManagedCertificate&, const Staged&) = 0;
  virtual ProxyResult adopt(const Configuration&, const Proxy&, std::stop_token) = 0;
  // Finds out which of these certificates a proxy refuses, and takes it back. None of them, and none of the proxies
  // that use them, may be in another pass.
  virtual ProxyResult judge(const Configuration&, const Proxy&, const std::vector<std::string>& certificates,
                            std::stop_token) = 0;
};

}  // namespace everleaf::agent
