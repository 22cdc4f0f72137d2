// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/due.hpp"

#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

std::chrono::seconds limit_of(const std::string& expires_in) {
  return std::chrono::floor<std::chrono::seconds>(require_duration(expires_in, "--expires-in", Duration::min()));
}

}  // namespace

void require_within_lifetime(const Certificate& certificate, const std::string& expires_in) {
  const auto lifetime = certificate.validity().lifetime();
  if (!expires_in.empty() && limit_of(expires_in) > lifetime)
    throw Error(ErrorKind::usage, "--expires-in " + expires_in +
                                      " is longer than the certificate's validity period of " +
                                      format_duration(lifetime));
}

std::optional<std::chrono::seconds> not_due_for(const Certificate& certificate, const std::string& expires_in,
                                                Time now) {
  if (expires_in.empty()) return std::nullopt;
  const auto limit = limit_of(expires_in);
  if (limit <= std::chrono::seconds(0)) return std::nullopt;
  const Duration spread{
      static_cast<Duration::rep>(static_cast<double>(limit.count()) / 20 * certificate.fingerprint().fraction())};
  const auto left = certificate.validity().not_after - now;
  if (left <= limit + spread) return std::nullopt;
  return left;
}

}  // namespace everleaf::cli
