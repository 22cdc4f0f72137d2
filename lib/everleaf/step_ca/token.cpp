// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/token.hpp>

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/jwk.hpp>
#include <everleaf/jose/jws.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf {
namespace {

using nlohmann::json;

// 64 hex characters, as the reference client's jti.
std::string random_id() {
  Fingerprint::Bytes bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error(ErrorKind::crypto, "cannot get random bytes");
  return Fingerprint(bytes).hex();
}

json claims(const std::string& issuer, const std::string& subject, const std::string& audience,
            const Validity& validity, Time made) {
  return {{"iss", issuer},
          {"sub", subject},
          {"aud", audience},
          {"iat", made.time_since_epoch().count()},
          {"nbf", validity.not_before.time_since_epoch().count()},
          {"exp", validity.not_after.time_since_epoch().count()},
          {"jti", random_id()}};
}

json header(const PrivateKey& key, const std::string& key_id) {
  return {{"alg", jws_algorithm(key)}, {"kid", key_id}, {"typ", "JWT"}};
}

void add_chain(json& head, X5cHeader header, const std::vector<Certificate>& chain) {
  const auto* name = header == X5cHeader::x5c ? "x5c" : "x5cInsecure";
  for (const auto& certificate : chain) head[name].push_back(base64(certificate.to_der()));
}

std::string first_audience(const json& payload) {
  const auto found = payload.find("aud");
  if (found != payload.end() && found->is_array() && !found->empty() && found->front().is_string())
    return found->front().get<std::string>();
  return optional_string(payload, "aud", "the token");
}

// RFC 7519, section 4.1.4: seconds, perhaps with a fraction. What no calendar has is none.
std::optional<Time> expiry(const json& payload) {
  const auto found = payload.find("exp");
  if (found == payload.end() || !found->is_number()) return std::nullopt;
  const auto seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < 253'402'300'800)) return std::nullopt;
  return Time(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

}  // namespace

Secret sign_token(const ProvisionToken& token, const PrivateKey& provisioner_key) {
  json payload = claims(token.issuer, token.subject, token.audience, token.validity,
                        token.made.value_or(token.validity.not_before));
  if (!token.names.empty()) payload["sans"] = token.names;
  if (token.root) payload["sha"] = token.root->hex();
  if (!token.request.empty()) payload["cnf"] = {{"x5rt#S256", token.request}};
  if (!token.template_values.empty()) payload["user"] = json::parse(token.template_values);
  json head = header(provisioner_key, token.key_id);
  add_chain(head, token.x5c_header, token.x5c);
  return Secret(sign_jws(head.dump(), payload.dump(), provisioner_key));
}

Secret make_renew_token(const Identity& identity, const std::string& audience, Time now) {
  json head = header(identity.key, jwk_thumbprint(identity.key));
  add_chain(head, X5cHeader::x5c_insecure, identity.chain);
  const auto payload =
      claims("step-ca-client/1.0", identity.leaf().common_name(), audience, {now, now + std::chrono::minutes(5)}, now);
  return Secret(sign_jws(head.dump(), payload.dump(), identity.key));
}

TokenClaims read_token(const Secret& token) {
  const auto payload = parse_json(unverified_jws_parts(token.reveal(), "the token").payload, "the token");
  TokenClaims result{.subject = optional_string(payload, "sub", "the token"),
                     .audience = first_audience(payload),
                     .names = {},
                     .root = Fingerprint::parse(optional_string(payload, "sha", "the token")),
                     .expires = expiry(payload)};
  if (const auto names = payload.find("sans"); names != payload.end() && names->is_array())
    for (const auto& name : *names)
      if (name.is_string()) result.names.push_back(name.get<std::string>());
  return result;
}

}  // namespace everleaf
