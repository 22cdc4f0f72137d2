// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/order.hpp>

#include <algorithm>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::acme {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// How often a CA that cannot reach us is asked to try: for 4 s.
constexpr int most_tries = 5;

// Longer each time, as long as the CA does not say how long.
class Pace {
 public:
  explicit Pace(Client& client) : client_(client) {}
  void wait() {
    client_.wait(pause_);
    pause_ = std::min(pause_ * 2, 4000ms);
  }

 private:
  Client& client_;
  std::chrono::milliseconds pause_ = 250ms;
};

struct Pending {
  std::string authorization;  // URL
  Challenge challenge;
  ChallengeAnswer answer;
};

json identifiers(const std::vector<Name>& names) {
  auto list = json::array();
  for (const auto& name : names)
    list.push_back({{"type", name.kind == Name::Kind::ip ? "ip" : "dns"}, {"value", name.value}});
  return list;
}

Error problem_error(const std::string& doing, const std::optional<Problem>& problem, std::string hint = {}) {
  return Error(ErrorKind::refused, doing + ": " + (problem ? problem->words : "no reason given"), std::move(hint));
}

Challenge http_challenge(const Authorization& authorization) {
  const auto& all = authorization.challenges;
  const auto found = std::find_if(all.begin(), all.end(), [](const Challenge& one) { return one.type == "http-01"; });
  if (found == all.end() || found->token.empty())
    throw Error(ErrorKind::refused, "the CA does not let " + authorization.identifier + " be proved by http-01",
                "a provisioner's \"challenges\" say what it allows");
  return *found;
}

// What is still to be proved.
std::vector<Pending> pending_of(Client& client, const Order& order) {
  std::vector<Pending> result;
  for (const auto& url : order.authorizations) {
    const auto authorization = authorization_in(client.read(url).body);
    if (authorization.status == Status::valid) continue;
    auto challenge = http_challenge(authorization);
    ChallengeAnswer answer{authorization.identifier, challenge.token, client.key_authorization(challenge.token)};
    result.push_back({url, std::move(challenge), std::move(answer)});
  }
  return result;
}

Error not_proved(const Pending& pending, const std::optional<Problem>& problem) {
  return problem_error("the CA could not validate " + pending.answer.identifier, problem,
                       "it looks at port 80 of that name, which must lead here; behind a proxy choose --http-listen");
}

std::optional<Problem> problem_of(const Authorization& authorization, const std::string& challenge_url) {
  for (const auto& one : authorization.challenges)
    if (one.url == challenge_url) return one.problem;
  return std::nullopt;
}

// Asks the CA to look.
Challenge respond(Client& client, const Pending& pending) try {
  return challenge_in(client.post(pending.challenge.url, "{}").body);
} catch (const Error& error) {
  if (error.kind() != ErrorKind::timed_out) throw;
  throw error.with_hint("it may be waiting for an answer from port 80 of " + pending.answer.identifier +
                        ": is that reachable?");
}

// Some CAs look while they are asked (step-ca), others afterwards. One that could not reach us lets the challenge
// pending and says why: then it may be asked again (RFC 8555, section 8.2).
void prove(Client& client, const Pending& pending) {
  Pace pace(client);
  auto challenge = respond(client, pending);
  for (int tries = 1;;) {
    if (challenge.status == Status::valid) return;
    const bool may_ask_again = challenge.status == Status::pending && challenge.problem;
    if (challenge.status == Status::invalid || (may_ask_again && tries == most_tries))
      throw not_proved(pending, challenge.problem);
    pace.wait();
    if (may_ask_again) {
      challenge = respond(client, pending);
      ++tries;
      continue;
    }
    const auto authorization = authorization_in(client.read(pending.authorization).body);
    if (authorization.status == Status::valid) return;
    if (authorization.status == Status::invalid)
      throw not_proved(pending, problem_of(authorization, pending.challenge.url));
  }
}

Order wait_until(Client& client, const std::string& url, Order order, Status wanted) {
  for (Pace pace(client); order.status != wanted && order.status != Status::valid;) {
    if (order.status == Status::invalid) throw problem_error("the CA gave the order up", order.problem);
    pace.wait();
    order = order_in(client.read(url).body);
  }
  return order;
}

std::vector<Certificate> certificates_in(const HttpResponse& response) try {
  return parse_certificates(response.body, "the ACME server's answer");
} catch (const Error& error) {
  throw Error(ErrorKind::answer, error.what());
}

}  // namespace

void require_provable(const std::vector<Name>& names) {
  for (const auto& name : names) {
    const bool has_host = name.kind == Name::Kind::dns || name.kind == Name::Kind::ip;
    if (!has_host)
      throw Error(ErrorKind::usage, "ACME is for DNS names and IP addresses, not for " + escape(name.value));
    if (name.value.find('*') != std::string::npos)
      throw Error(ErrorKind::usage, "http-01 cannot prove " + escape(name.value), "name the hosts one by one");
  }
}

std::vector<Certificate> order_certificate(Client& client, const Wish& wish, const CertificateRequest& request,
                                           Responder& responder) {
  json payload{{"identifiers", identifiers(wish.names)}};
  if (wish.not_before) payload["notBefore"] = format_time(*wish.not_before);
  if (wish.not_after) payload["notAfter"] = format_time(*wish.not_after);
  const auto answer = client.post(client.directory().new_order, payload.dump());
  const auto url = answer.location;
  auto order = order_in(answer.body);
  if (url.empty()) throw Error(ErrorKind::answer, "the ACME server does not say which order it made");

  const auto pending = pending_of(client, order);
  responder.publish([&] {
    std::vector<ChallengeAnswer> answers;
    for (const auto& one : pending) answers.push_back(one.answer);
    return answers;
  }());
  for (const auto& one : pending) prove(client, one);

  order = wait_until(client, url, std::move(order), Status::ready);
  if (order.status != Status::valid) {
    const json finalize{{"csr", base64url(request.to_der())}};
    order = wait_until(client, url, order_in(client.post(order.finalize, finalize.dump()).body), Status::valid);
  }
  return certificates_in(client.read(order.certificate));
}

}  // namespace everleaf::acme
