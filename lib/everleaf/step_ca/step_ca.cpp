// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/step_ca.hpp>

#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/step_ca/token.hpp>

namespace everleaf {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// Together under the 30 s after which nobody waits for a CA any more.
constexpr std::chrono::seconds time_for_root{10};
constexpr std::chrono::seconds time_for_requests{18};

constexpr int most_provisioner_pages = 100;  // of 100 each

// The CA's words out of its three forms of error, else the beginning of the body (step-ca-api: "Errors").
std::string words_of(const HttpResponse& response) {
  try {
    const auto body = parse_json(response.body, "the answer");
    for (const char* member : {"message", "detail"})
      if (body.is_object() && body.contains(member) && body[member].is_string())
        return escape(body[member].get_ref<const std::string&>(), 400);
  } catch (const Error&) {  // HTML or worse: its beginning is all there is
  }
  return response.body.empty() ? "no reason given" : escape(response.body, 120);
}

ErrorKind kind_of(const HttpResponse& response) {
  if (response.status == 401) return ErrorKind::unauthorized;
  if (response.status == 429 || (response.status == 503 && response.retry_after)) return ErrorKind::throttled;
  return response.status >= 500 ? ErrorKind::server : ErrorKind::refused;
}

void require_success(const HttpResponse& response) {
  if (response.status >= 200 && response.status < 300) return;
  const bool server = response.status >= 500;
  throw Error(kind_of(response), std::string(server ? "the CA failed: " : "the CA refused: ") + words_of(response) +
                                     " (" + std::to_string(response.status) + ")")
      .set_retry_after(response.retry_after);
}

// What the CA says in JSON is an answer, not a file of ours: all that is wrong with it is of that kind.
template <typename Read>
auto read_answer(const HttpResponse& response, Read read) {
  try {
    return read(parse_json(response.body, "the CA's answer"));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    throw Error(ErrorKind::answer, error.what(), "is the URL that of a step-ca?");
  } catch (const json::exception&) {
    throw Error(ErrorKind::answer, "the CA's answer is not what step-ca says", "is the URL that of a step-ca?");
  }
}

std::vector<Certificate> certificates_in(const json& list) {
  std::vector<Certificate> certificates;
  for (const auto& pem : list)
    certificates.push_back(Certificate::from_pem(pem.get<std::string>(), "a certificate in the CA's answer"));
  return certificates;
}

std::vector<Certificate> chain_in(const json& answer) {
  if (answer.contains("certChain") && answer["certChain"].is_array() && !answer["certChain"].empty())
    return certificates_in(answer["certChain"]);
  auto list = json::array({required_string(answer, "crt", "the CA's answer")});
  if (auto issuer = optional_string(answer, "ca", "the CA's answer"); !issuer.empty())
    list.push_back(std::move(issuer));
  return certificates_in(list);
}

Provisioner to_provisioner(const json& entry) {
  Provisioner result{.type = required_string(entry, "type", "a provisioner"),
                     .name = required_string(entry, "name", "a provisioner"),
                     .key_id = {},
                     .encrypted_key = optional_string(entry, "encryptedKey", "a provisioner")};
  if (const auto key = entry.find("key"); key != entry.end() && key->is_object())
    result.key_id = optional_string(*key, "kid", "a provisioner's key");
  return result;
}

}  // namespace

StepCa::StepCa(HttpsUrl url, std::vector<Certificate> roots, std::stop_token stop)
    : url_(std::move(url)),
      roots_(std::move(roots)),
      stop_(std::move(stop)),
      deadline_(Clock::now() + time_for_requests),
      client_(TrustRoots{roots_}, std::nullopt, remaining()) {}

HttpLimits StepCa::remaining() const {
  HttpLimits limits;
  limits.time = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
  return limits;
}

HttpResponse StepCa::send(HttpClient& client, const HttpRequest& request) {
  auto response = client.send(request, stop_);
  require_success(response);
  return response;
}

HttpResponse StepCa::get(const std::string& path) { return send(client_, {.url = url_.at(path)}); }

void StepCa::health() {
  const auto status = read_answer(
      get("/health"), [](const json& answer) { return required_string(answer, "status", "the CA's answer"); });
  if (status != "ok") throw Error(ErrorKind::server, "the CA says that it is not well: " + escape(status));
}

std::string StepCa::version() {
  return read_answer(get("/version"),
                     [](const json& answer) { return required_string(answer, "version", "the CA's answer"); });
}

std::vector<Certificate> StepCa::roots() {
  return read_answer(get("/roots"), [](const json& answer) {
    auto roots = certificates_in(answer.at("crts"));
    if (roots.empty()) throw Error(ErrorKind::answer, "the CA says that it has no root");
    return roots;
  });
}

std::vector<Provisioner> StepCa::provisioners() {
  std::vector<Provisioner> all;
  std::string cursor;
  for (int page = 0; page < most_provisioner_pages; ++page) {
    const auto response = get("/provisioners?limit=100" + (cursor.empty() ? "" : "&cursor=" + cursor));
    cursor = read_answer(response, [&](const json& answer) {
      for (const auto& entry : answer.at("provisioners")) all.push_back(to_provisioner(entry));
      return optional_string(answer, "nextCursor", "the CA's answer");
    });
    if (cursor.empty()) return all;
    if (cursor.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw Error(ErrorKind::answer, "the CA's list of provisioners has no usable next page");
  }
  throw Error(ErrorKind::answer, "the CA's list of provisioners does not end");
}

std::vector<Certificate> StepCa::post(const std::string& path, HttpRequest request, std::optional<Identity> identity) {
  request.method = "POST";
  request.url = url_.at(path);
  // A client certificate belongs to one request: presented elsewhere, an expired one would break even /health.
  std::optional<HttpClient> authenticated;
  if (identity) authenticated.emplace(TrustRoots{roots_}, std::move(identity), remaining());
  return read_answer(send(authenticated ? *authenticated : client_, request), chain_in);
}

std::vector<Certificate> StepCa::sign(const SignRequest& request) {
  json body{{"csr", request.certificate_request}, {"ott", request.token.reveal()}};
  if (!request.not_before.empty()) body["notBefore"] = request.not_before;
  if (!request.not_after.empty()) body["notAfter"] = request.not_after;
  return post("/sign", {.json = Secret(body.dump())}, std::nullopt);
}

std::vector<Certificate> StepCa::renew(const Identity& identity) { return post("/renew", {}, identity); }

std::vector<Certificate> StepCa::renew_by_token(const Identity& identity, Time now) {
  return post("/renew", {.bearer = make_renew_token(identity, url_.at("/renew"), now)}, std::nullopt);
}

std::vector<Certificate> StepCa::rekey(const Identity& identity, const std::string& certificate_request) {
  return post("/rekey", {.json = Secret(json{{"csr", certificate_request}}.dump())}, identity);
}

Certificate fetch_root(const HttpsUrl& url, const Fingerprint& fingerprint, std::stop_token stop) {
  HttpClient client(InsecureSkipVerification{}, std::nullopt, {.time = time_for_root});
  const auto response = client.send({.url = url.at("/root/" + fingerprint.hex())}, stop);
  if (response.status == 404)
    throw Error(ErrorKind::tls, url.origin() + " has no root with the fingerprint " + fingerprint.hex(),
                "ask whoever runs the CA: \"step certificate fingerprint root_ca.crt\" prints it there");
  require_success(response);
  const auto root = read_answer(response, [](const json& answer) {
    return Certificate::from_pem(required_string(answer, "ca", "the CA's answer"), "the root in the CA's answer");
  });
  if (root.fingerprint() != fingerprint)
    throw Error(ErrorKind::tls,
                "the root of " + url.origin() + " is another one: expected the fingerprint " + fingerprint.hex() +
                    ", seen " + root.fingerprint().hex(),
                "do not trust it: check the URL, and the fingerprint with whoever runs the CA");
  return root;
}

}  // namespace everleaf
