// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/step_ca.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/step_ca/answers.hpp>
#include <everleaf/step_ca/token.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// Nobody waits for a CA any more after 30 s.
static_assert(time_for_root + StepCa::usual_time < std::chrono::seconds(30));

constexpr int most_provisioner_pages = 100;  // of 100 each

ErrorKind kind_of(const HttpResponse& response) {
  if (response.status == 401) return ErrorKind::unauthorized;
  if (response.status == 403) return ErrorKind::forbidden;
  if (response.status == 429 || (response.status == 503 && response.retry_after)) return ErrorKind::throttled;
  return response.status >= 500 ? ErrorKind::server : ErrorKind::refused;
}

void require_success(const HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return;
  const bool server = response.status >= 500;
  throw Error(kind_of(response), std::string(server ? "the CA failed: " : "the CA refused: ") +
                                     words_of(response.body) + " (" + std::to_string(response.status) + ")")
      .set_retry_after(response.retry_after);
}

}  // namespace

StepCa::StepCa(HttpsUrl url, std::vector<Certificate> roots, std::stop_token stop, std::chrono::milliseconds time)
    : url_(std::move(url)),
      roots_(std::move(roots)),
      stop_(std::move(stop)),
      deadline_(Clock::now() + time),
      client_(TrustRoots{roots_}, std::nullopt, remaining()) {}

HttpLimits StepCa::remaining() const {
  HttpLimits limits;
  limits.time = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  return limits;
}

HttpResponse StepCa::send(HttpClient& client, const HttpRequest& request) {
  auto response = client.send(request, stop_);
  if (response.date) clock_ = {*response.date, Clock::now()};
  require_success(response);
  return response;
}

std::optional<Fingerprint> StepCa::root_for_tokens() const {
  if (roots_.empty()) return std::nullopt;
  const auto shown = client_.peer_chain();
  if (roots_.size() == 1 || shown.empty()) return roots_.front().fingerprint();
  return root_of(shown, roots_, shown.front().validity().not_before).value_or(roots_.front()).fingerprint();
}

std::optional<Time> StepCa::time() const {
  if (!clock_) return std::nullopt;
  return clock_->said + std::chrono::floor<std::chrono::seconds>(Clock::now() - clock_->at);
}

HttpResponse StepCa::get(const std::string& path) { return send(client_, {.url = url_.at(path)}); }

void StepCa::health() {
  const auto status = text_in_answer(get("/health").body, "status");
  if (status != "ok") throw Error(ErrorKind::server, "the CA says that it is not well: " + escape(status));
}

std::string StepCa::version() { return text_in_answer(get("/version").body, "version"); }

std::vector<Certificate> StepCa::roots() { return roots_in_answer(get("/roots").body); }

std::vector<Certificate> StepCa::federation() { return roots_in_answer(get("/federation").body); }

std::vector<Provisioner> StepCa::provisioners() {
  std::vector<Provisioner> all;
  std::string cursor;
  for (int page = 0; page < most_provisioner_pages; ++page) {
    const auto response = get("/provisioners?limit=100" + (cursor.empty() ? "" : "&cursor=" + cursor));
    auto answer = provisioners_in_answer(response.body);
    std::move(answer.provisioners.begin(), answer.provisioners.end(), std::back_inserter(all));
    cursor = std::move(answer.next);
    if (cursor.empty()) return all;
  }
  throw Error(ErrorKind::answer, "the CA's list of provisioners does not end");
}

HttpResponse StepCa::submit(const std::string& path, HttpRequest request, std::optional<Identity> identity) {
  request.method = "POST";
  request.url = url_.at(path);
  // A client certificate belongs to one request: presented elsewhere, an expired one would break even /health.
  std::optional<HttpClient> authenticated;
  if (identity) authenticated.emplace(TrustRoots{roots_}, std::move(identity), remaining());
  return send(authenticated ? *authenticated : client_, request);
}

std::vector<Certificate> StepCa::post(const std::string& path, HttpRequest request, std::optional<Identity> identity) {
  return chain_in_answer(submit(path, std::move(request), std::move(identity)).body);
}

std::vector<Certificate> StepCa::sign(const SignRequest& request) {
  json body{{"csr", request.certificate_request}, {"ott", request.token.reveal()}};
  if (!request.not_before.empty()) body["notBefore"] = request.not_before;
  if (!request.not_after.empty()) body["notAfter"] = request.not_after;
  if (!request.template_values.empty()) body["templateData"] = json::parse(request.template_values);
  return post("/sign", {.body = Secret(body.dump())}, std::nullopt);
}

std::vector<Certificate> StepCa::renew(const Identity& identity) { return post("/renew", {}, identity); }

std::vector<Certificate> StepCa::renew_by_token(const Identity& identity, Time now) {
  return post("/renew", {.bearer = make_renew_token(identity, url_.at("/renew"), now)}, std::nullopt);
}

std::vector<Certificate> StepCa::rekey(const Identity& identity, const std::string& certificate_request) {
  return post("/rekey", {.body = Secret(json{{"csr", certificate_request}}.dump())}, identity);
}

void StepCa::revoke(const Revocation& revocation, std::optional<Identity> identity) {
  json body{{"serial", revocation.serial}, {"reasonCode", revocation.reason_code}, {"passive", true}};
  if (!revocation.reason.empty()) body["reason"] = revocation.reason;
  if (!revocation.token.empty()) body["ott"] = revocation.token.reveal();
  const auto answer = submit("/revoke", {.body = Secret(body.dump())}, std::move(identity));
  if (const auto status = text_in_answer(answer.body, "status"); status != "ok")
    throw Error(ErrorKind::answer, "the CA says of the revocation: " + escape(status));
}

Certificate fetch_root(const HttpsUrl& url, const Fingerprint& fingerprint, std::stop_token stop,
                       std::chrono::milliseconds time) {
  HttpClient client(InsecureSkipVerification{}, std::nullopt, {.time = time});
  const auto response = client.send({.url = url.at("/root/" + fingerprint.hex())}, stop);
  if (response.status == 404)
    throw Error(ErrorKind::tls, url.origin() + " has no root with the fingerprint " + fingerprint.hex(),
                "ask whoever runs the CA: \"step certificate fingerprint root_ca.crt\" prints it there");
  require_success(response);
  const auto root = root_in_answer(response.body);
  if (root.fingerprint() != fingerprint)
    throw Error(ErrorKind::tls,
                "the root of " + url.origin() + " is another one: expected the fingerprint " + fingerprint.hex() +
                    ", seen " + root.fingerprint().hex(),
                "do not trust it: check the URL, and the fingerprint with whoever runs the CA");
  return root;
}

}  // namespace everleaf
