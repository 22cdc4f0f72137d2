// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/error/error.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/fingerprint.hpp>

namespace everleaf {

// What happened so far with one certificate. The live files are the truth about the certificate itself; losing this
// loses only the memory of failures.
struct Attempts {
  unsigned failures = 0;  // in a row
  std::optional<Time> last_failure;
  ErrorKind last_kind = ErrorKind::connection;  // of the last failure
  std::string last_error;
  std::optional<Time> not_before;  // the CA asked us to wait until then
  std::optional<Time> last_success;
  std::optional<Time> key_since;  // when the present key came into use, as far as we know

  friend bool operator==(const Attempts&, const Attempts&) = default;
};

// A proxy has to take up this certificate.
struct Obligation {
  std::string certificate;
  Fingerprint leaf;
  Time since;

  friend bool operator==(const Obligation&, const Obligation&) = default;
};

// What one proxy owes, and how often it failed.
struct ProxyState {
  std::vector<Obligation> owed;
  unsigned failures = 0;
  std::optional<Time> last_failure;
  std::string last_error;

  friend bool operator==(const ProxyState&, const ProxyState&) = default;
};

}  // namespace everleaf
