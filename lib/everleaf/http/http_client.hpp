// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/secret/secret.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::optional<Secret> json;    // sent as application/json
  std::optional<Secret> bearer;  // Authorization
};

struct HttpResponse {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

// Whom a client believes to be the server.
struct TrustRoots {
  std::vector<Certificate> certificates;
};
// Nobody is checked: only to fetch a root whose fingerprint is known.
struct InsecureSkipVerification {};
using ServerTrust = std::variant<TrustRoots, InsecureSkipVerification>;

struct HttpLimits {
  std::chrono::milliseconds time{25'000};     // for all requests of one client together
  std::chrono::milliseconds connect{10'000};  // of that for a connection, TLS included
  std::size_t body = 2 << 20;
  std::size_t headers = 64 << 10;
};

// HTTPS/1.1 over libcurl for a few requests one after the other. Bodies, headers and time are bounded; redirects are
// not followed; the proxy variables of the environment are honoured, as step does. Not for several threads.
class HttpClient {
 public:
  explicit HttpClient(const ServerTrust& trust, std::optional<Identity> identity = std::nullopt,
                      HttpLimits limits = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Any status is a response. Throws connection, timed_out, tls, answer (too large, a redirect) naming the host, or
  // cancelled within a millisecond of the request to stop, also during a name look-up.
  HttpResponse send(const HttpRequest& request, std::stop_token stop);

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace everleaf
