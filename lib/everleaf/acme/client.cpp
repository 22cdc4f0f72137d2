// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/client.hpp>

#include <algorithm>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/jwk.hpp>
#include <everleaf/jose/jws.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/process/stop_event.hpp>

namespace everleaf::acme {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int most_bad_nonces = 10;
constexpr std::chrono::seconds longest_pause{10};

ErrorKind kind_of(const HttpResponse& response) {
  if (response.status == 401) return ErrorKind::unauthorized;
  if (response.status == 403) return ErrorKind::forbidden;
  if (response.status == 429 || (response.status == 503 && response.retry_after)) return ErrorKind::throttled;
  return response.status >= 500 ? ErrorKind::server : ErrorKind::refused;
}

bool is_success(const HttpResponse& response) { return response.status >= 200 && response.status < 300; }

bool has_bad_nonce(const HttpResponse& response) {
  return response.status == 400 && problem_in(response.body).type == "badNonce";
}

Error refusal(const HttpResponse& response) {
  const auto problem = problem_in(response.body);
  return Error(kind_of(response), std::string(response.status >= 500 ? "the CA failed: " : "the CA refused: ") +
                                      problem.words + " (" + std::to_string(response.status) + ")")
      .set_retry_after(response.retry_after);
}

// As CAs hand it out: base64url, by some with padding or in the other alphabet.
Secret decode(const Secret& text) {
  std::string plain(text.reveal());
  plain.erase(plain.find_last_not_of('=') + 1);
  std::replace(plain.begin(), plain.end(), '+', '-');
  std::replace(plain.begin(), plain.end(), '/', '_');
  const Secret encoded(std::move(plain));
  auto bytes = decode_base64url(encoded.reveal());
  if (!bytes || bytes->empty())
    throw Error(ErrorKind::malformed, "the key of the external account is not in base64url",
                "it is what the CA calls the HMAC or MAC key");
  return Secret(*std::move(bytes));
}

json binding(const ExternalAccount& external, const PrivateKey& account_key, const std::string& url) {
  const json header{{"alg", "HS256"}, {"kid", external.key_id}, {"url", url}};
  return json::parse(sign_jws_flattened(header.dump(), public_jwk(account_key), decode(external.key)));
}

std::string to_url(const std::string& contact) {
  return contact.find(':') == std::string::npos ? "mailto:" + contact : contact;
}

const std::string& require_https(const std::string& url) {
  if (!url.starts_with("https://") || url.find('@') != std::string::npos)
    throw Error(ErrorKind::usage, "the URL of an ACME directory begins with https://, and has no user and no password",
                "as --acme https://acme.internal/directory");
  return url;
}

HttpLimits limits(std::chrono::milliseconds time) {
  HttpLimits result;
  result.time = time;
  return result;
}

}  // namespace

Client::Client(const std::string& directory, const TrustAnchors& roots, std::stop_token stop,
               std::chrono::milliseconds time)
    : directory_url_(require_https(directory)),
      stop_(std::move(stop)),
      deadline_(Clock::now() + time),
      key_(PrivateKey::generate(KeyType::ec_p256)),
      client_(TrustRoots{roots}, std::nullopt, limits(time)) {}

HttpResponse Client::send(const HttpRequest& request) {
  auto response = client_.send(request, stop_);
  nonce_ = response.replay_nonce;
  retry_after_ = response.retry_after;
  return response;
}

std::string Client::take_nonce() {
  if (nonce_.empty()) send({.method = "HEAD", .url = directory_->new_nonce});
  // RFC 8555, section 6.5.1. It goes into JSON of ours.
  if (nonce_.empty() || nonce_.find_first_not_of(base64url_alphabet) != std::string::npos)
    throw Error(ErrorKind::answer, "the ACME server gives no nonce");
  return std::exchange(nonce_, {});
}

std::string Client::sign(const std::string& url, const std::string& payload, const std::string& nonce) const {
  json header{{"alg", jws_algorithm(key_)}, {"nonce", nonce}, {"url", url}};
  if (account_url_.empty())
    header["jwk"] = json::parse(public_jwk(key_));
  else
    header["kid"] = account_url_;
  return sign_jws_flattened(header.dump(), payload, key_);
}

HttpResponse Client::post(const std::string& url, const std::string& payload) {
  for (int attempt = 0;; ++attempt) {
    auto response = send({.method = "POST",
                          .url = url,
                          .body = Secret(sign(url, payload, take_nonce())),
                          .content_type = "application/jose+json"});
    if (is_success(response)) return response;
    if (!has_bad_nonce(response) || attempt == most_bad_nonces) throw refusal(response);
  }
}

void Client::make_account(const Account& account) {
  const auto answer = send({.url = directory_url_});
  if (!is_success(answer)) throw refusal(answer);
  directory_ = directory_in(answer.body);
  if (directory_->wants_external_account && !account.external)
    throw Error(ErrorKind::usage, "the CA takes only accounts that it knows (external account binding)",
                "give --eab-kid and --eab-hmac-key-file: the CA's operator hands out both");

  json payload{{"termsOfServiceAgreed", true}};
  for (const auto& contact : account.contacts) payload["contact"].push_back(to_url(contact));
  if (account.external) payload["externalAccountBinding"] = binding(*account.external, key_, directory_->new_account);
  account_url_ = post(directory_->new_account, payload.dump()).location;
  if (account_url_.empty()) throw Error(ErrorKind::answer, "the ACME server does not say which account it made");
}

std::string Client::key_authorization(const std::string& token) const { return token + "." + jwk_thumbprint(key_); }

void Client::wait(std::chrono::milliseconds pause) {
  if (retry_after_) pause = std::clamp<std::chrono::milliseconds>(*retry_after_, pause, longest_pause);
  if (Clock::now() + pause >= deadline_) throw Error(ErrorKind::timed_out, "the CA did not come to an end in time");
  if (StopEvent(stop_).requested_within(pause)) throw Error(ErrorKind::cancelled, "stopped while waiting for the CA");
}

}  // namespace everleaf::acme
