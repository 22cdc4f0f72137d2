// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/due.hpp"

#include "cli/shared_options.hpp"

namespace everleaf::cli {

std::optional<std::chrono::seconds> not_due_for(const Certificate& certificate, const std::string& expires_in,
                                                Time now) {
  if (expires_in.empty()) return std::nullopt;
  const auto limit = std::chrono::floor<std::chrono::seconds>(require_duration(expires_in, "--expires-in"));
  const auto validity = certificate.validity();
  if (limit > validity.lifetime())
    throw Error(ErrorKind::usage, "--expires-in " + expires_in +
                                      " is longer than the certificate's validity period of " +
                                      format_duration(validity.lifetime()));
  const Duration spread{
      static_cast<Duration::rep>(static_cast<double>(limit.count()) / 20 * certificate.fingerprint().fraction())};
  const auto left = validity.not_after - now;
  if (left <= limit + spread) return std::nullopt;
  return left;
}

}  // namespace everleaf::cli
