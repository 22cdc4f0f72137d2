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

// Where a server listens.
class Endpoint {
 public:
  // "backend.internal:443", "127.0.0.1:8443", "[::1]:8443". Throws usage for anything else.
  static Endpoint parse(std::string_view text);

  const std::string& text() const { return text_; }  // "host:port"
  const std::string& host() const { return host_; }  // an IPv6 address in brackets
  const std::string& port() const { return port_; }
  bool is_address() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;

 private:
  Endpoint() = default;
  std::string text_;
  std::string host_;
  std::string port_;
};

// A place on this very host, which is as far as HTTP may go in the clear.
class LoopbackUrl {
 public:
  // "http://127.0.0.1:9181/everleaf". Throws usage for another scheme, a name, an address elsewhere, no port.
  static LoopbackUrl parse(std::string_view text);

  const std::string& text() const { return text_; }

  friend bool operator==(const LoopbackUrl&, const LoopbackUrl&) = default;

 private:
  LoopbackUrl() = default;
  std::string text_;
};

// As one segment of a path: all but RFC 3986's unreserved characters (section 2.3) as "%2F".
std::string percent_encoded(std::string_view text);

}  // namespace everleaf
