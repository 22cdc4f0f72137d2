// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace everleaf {

// The place of an HTTPS server. step-ca has no path prefix, so what stands behind the port is dropped, as step does.
class HttpsUrl {
 public:
  // "https://ca.internal:9443", "ca.internal:9443", "::1". Throws usage for another scheme, credentials, or nonsense.
  static HttpsUrl parse(std::string_view text);

  const std::string& host() const { return host_; }  // an IPv6 address without brackets
  // "https://host[:port]": the port only if it is not 443 by default.
  const std::string& origin() const { return origin_; }
  std::string at(std::string_view path) const { return origin_ + std::string(path); }

  friend bool operator==(const HttpsUrl&, const HttpsUrl&) = default;

 private:
  HttpsUrl() = default;
  std::string host_;
  std::string origin_;
};

}  // namespace everleaf
