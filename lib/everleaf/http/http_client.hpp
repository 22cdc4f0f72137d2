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
  std::string connect_to{};      // "host:port": go there, and not by a proxy of the environment
  std::optional<Secret> body;    // sent as `content_type`
  std::optional<Secret> bearer;  // Authorization
  std::string content_type = "application/json";
};

struct HttpResponse {
  long status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;  // a date is taken by the server's clock
  std::optional<Time> date;                         // what the server's clock says
  std::string location;                             // empty without such a header
  std::string replay_nonce;                         // RFC 8555, section 6.5.1
};

// Whom a client believes to be the server.
struct TrustRoots {
  TrustAnchors certificates;
};
// Nobody is checked: only to fetch a root whose fingerprint is known, and to see who answers.
struct InsecureSkipVerification {};
// HTTP in the clear: only to where a LoopbackUrl leads, and for what is judged by its own signature (OCSP, CRLs).
struct InTheClear {};
using ServerTrust = std::variant<TrustRoots, SystemRoots, InsecureSkipVerification, InTheClear>;

struct HttpLimits {
  std::chrono::milliseconds time{25'000};     // for all requests of one client together
  std::chrono::milliseconds request{25'000};  // of that for one of them
  std::chrono::milliseconds connect{10'000};  // of that for a connection, TLS included
  std::size_t body = 2 << 20;
  std::size_t headers = 64 << 10;
};

// HTTP/1.1 over TLS and libcurl for a few requests one after the other. Bodies, headers and time are bounded; redirects
// are not followed; the proxy variables of the environment are honoured, as step does. Not for several threads.
class HttpClient {
 public:
  explicit HttpClient(const ServerTrust& trust, std::optional<Identity> identity = std::nullopt,
                      HttpLimits limits = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Any status is a response. An error says whether the request may have arrived (is_unsent()). Throws connection,
  // timed_out, tls, answer (too large, a redirect) naming the host, or cancelled within a millisecond of the request to
  // stop, also during a name look-up.
  HttpResponse send(const HttpRequest& request, std::stop_token stop);

  // What the server showed when a connection was made last, its own certificate first; empty before that.
  std::vector<Certificate> peer_chain() const;

  // Only a TLS handshake, after which nothing is sent: the certificate that the server showed. Throws as send(); not if
  // the server broke off after it had shown its certificate.
  Certificate handshake(const HttpRequest& request, std::stop_token stop);

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace everleaf
