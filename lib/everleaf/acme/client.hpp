// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/acme/answers.hpp>
#include <everleaf/http/http_client.hpp>
#include <everleaf/secret/secret.hpp>
#include <everleaf/x509/private_key.hpp>

namespace everleaf::acme {

// By which a CA knows who we are, outside of ACME (RFC 8555, section 7.3.4).
struct ExternalAccount {
  std::string key_id;
  Secret key;  // in base64url, as CAs hand it out
};

struct Account {
  std::vector<std::string> contacts{};  // e-mail addresses, or URLs
  std::optional<ExternalAccount> external{};
};

// An ACME server (RFC 8555) and an account of its, for the length of one order. The account's key is new with each
// client and lives as long. Bodies are bounded and parsed, and so is the time: `time` for all requests and waits
// together. Every call throws what HttpClient throws, and by the server's status what StepCa throws; its own words are
// escaped in the text.
class Client {
 public:
  static constexpr std::chrono::seconds usual_time{90};

  // Asks nobody yet. Throws usage if `directory` is no https URL.
  Client(const std::string& directory, const TrustAnchors& roots, std::stop_token stop,
         std::chrono::milliseconds time = usual_time);

  // Agrees to the CA's terms of service. Throws usage if the CA wants an external account and there is none.
  void make_account(const Account& account);

  // A request signed by the account; `payload` is JSON. One that is refused for its nonce is sent again.
  HttpResponse post(const std::string& url, const std::string& payload);
  HttpResponse read(const std::string& url) { return post(url, ""); }  // POST-as-GET

  const Directory& directory() const { return *directory_; }  // once there is an account
  std::string key_authorization(const std::string& token) const;

  // Waits for `pause`, or as long as the newest answer said. Throws timed_out if no time is left, cancelled.
  void wait(std::chrono::milliseconds pause);

 private:
  HttpResponse send(const HttpRequest& request);
  std::string take_nonce();
  std::string sign(const std::string& url, const std::string& payload, const std::string& nonce) const;

  std::string directory_url_;
  std::stop_token stop_;
  std::chrono::steady_clock::time_point deadline_;
  PrivateKey key_;
  HttpClient client_;
  std::optional<Directory> directory_;
  std::string account_url_;  // empty: there is none yet
  std::string nonce_;        // of the newest answer
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace everleaf::acme
