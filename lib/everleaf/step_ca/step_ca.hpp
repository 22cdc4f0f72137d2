// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/http/http_client.hpp>
#include <everleaf/http/url.hpp>
#include <everleaf/step_ca/provisioner.hpp>

namespace everleaf {

struct SignRequest {
  std::string certificate_request;  // PEM
  Secret token;
  std::string not_before;  // RFC 3339 or a Go duration, sent as given: the CA's clock decides; empty: the CA's default
  std::string not_after;
  std::string template_values{};  // a JSON object for the CA's template, as .Insecure.User; empty: none
};

struct Revocation {
  std::string serial;   // decimal
  int reason_code = 0;  // RFC 5280, section 5.3.1
  std::string reason;
  Secret token;  // not needed by who has the certificate
};

// A step-ca, for the length of one piece of work: `time` for all its requests together, so that a lying CA cannot hold
// anybody longer. Answers are bounded and parsed; whether a certificate is the one that was asked for is the business
// of lifecycle/check.hpp. Every call throws what HttpClient throws, and by the CA's status: unauthorized (401),
// forbidden (403), refused (other 4xx), throttled, server (5xx), answer (not the protocol); the CA's own words are
// escaped in the text.
class StepCa {
 public:
  static constexpr std::chrono::seconds usual_time{18};

  StepCa(HttpsUrl url, std::vector<Certificate> roots, std::stop_token stop,
         std::chrono::milliseconds time = usual_time);

  const HttpsUrl& url() const { return url_; }
  const std::vector<Certificate>& trusted_roots() const { return roots_; }

  // The root for whose fingerprint somebody who does not trust the CA yet may ask it: that of its server, as far as it
  // has been asked anything, else the first of ours; nothing if we have none.
  std::optional<Fingerprint> root_for_tokens() const;

  // What time it is for the CA, by the Date of its last answer; nothing before it answered.
  std::optional<Time> time() const;

  void health();
  std::string version();
  std::vector<Certificate> roots();
  std::vector<Certificate> federation();    // its roots, and those of the CAs that it is federated with
  std::vector<Provisioner> provisioners();  // all pages

  // Each answers the new chain, leaf first, without the root.
  std::vector<Certificate> sign(const SignRequest& request);
  // With the present certificate, by TLS client authentication; an expired one fails in the handshake.
  std::vector<Certificate> renew(const Identity& identity);
  // With a token signed by the present key: for what has expired, where the provisioner allows it, or behind proxies.
  std::vector<Certificate> renew_by_token(const Identity& identity, Time now);
  std::vector<Certificate> rekey(const Identity& identity, const std::string& certificate_request);

  // From now on the CA does not renew it; whoever only looks at dates notices nothing ("passive").
  void revoke(const Revocation& revocation, std::optional<Identity> identity);

 private:
  HttpResponse send(HttpClient& client, const HttpRequest& request);
  HttpResponse get(const std::string& path);
  HttpResponse submit(const std::string& path, HttpRequest request, std::optional<Identity> identity);
  std::vector<Certificate> post(const std::string& path, HttpRequest request, std::optional<Identity> identity);
  HttpLimits remaining() const;

  HttpsUrl url_;
  std::vector<Certificate> roots_;
  std::stop_token stop_;
  std::chrono::steady_clock::time_point deadline_;
  struct ClockReading {
    Time said;
    std::chrono::steady_clock::time_point at;
  };
  std::optional<ClockReading> clock_;
  HttpClient client_;
};

// The root with this fingerprint, from a CA that is not trusted yet: the connection proves nothing, the fingerprint
// does (certificates: ca/client.go, Root). Throws tls with both fingerprints if it is another.
inline constexpr std::chrono::seconds time_for_root{10};
Certificate fetch_root(const HttpsUrl& url, const Fingerprint& fingerprint, std::stop_token stop,
                       std::chrono::milliseconds time = time_for_root);

}  // namespace everleaf
