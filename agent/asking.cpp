// SPDX-License-Identifier: Apache-2.0
#include "agent/asking.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/failover.hpp>

namespace everleaf::agent {
namespace {

constexpr std::chrono::minutes most_skew{1};  // between the CA's clock and ours, before it is said

}  // namespace

void Asking::say(std::string event, std::vector<Field> fields) {
  events_.push_back(event_of(certificate_.name, Priority::warning, std::move(event), std::move(fields)));
}

PrivateKey Asking::pending_key() {
  if (const auto pem = state_.pending_key(certificate_.name)) {
    try {
      auto key = PrivateKey::from_pem(pem->reveal(), "the pending key of " + certificate_.name);
      if (key.type() == certificate_.key) return key;
    } catch (const Error& error) {  // what is damaged costs no more than another key
      say("state-damaged", {{"error", error.what()}, {"done", "makes another key"}});
    }
  }
  auto key = PrivateKey::generate(certificate_.key);
  state_.store_pending_key(certificate_.name, key.to_pem());
  return key;
}

Identity Asking::enroll_with(StepCa& ca) {
  const auto key = pending_key();
  const auto token = enrollment_token(ca, certificate_, system_now(), stop_);
  const CertificateWish wish{certificate_.subject, certificate_.names, "", certificate_.not_after};
  ExpectedCertificate expected{key, classify_all(certificate_.names), std::nullopt, std::nullopt};
  if (const auto asked = parse_duration(certificate_.not_after))
    expected.lifetime = std::chrono::floor<std::chrono::seconds>(*asked);
  token_is_out_ = std::holds_alternative<TokenFile>(*certificate_.enroll);
  return accept(enroll(ca, wish, key, token), expected, ca.trusted_roots(), system_now());
}

Identity Asking::renew_with(StepCa& ca, const Step& step, const Identity& present) {
  Time now = system_now();
  if (std::holds_alternative<RenewExpired>(step)) {  // by the CA's clock it may not be; its token is dated by that one
    ca.health();
    now = ca.time().value_or(now);
  }
  const bool new_key = std::holds_alternative<Rekey>(step);
  const auto key = new_key ? PrivateKey::generate(certificate_.key) : present.key;
  auto chain = new_key ? rekey(ca, present, key, now) : renew(ca, present, now);
  return accept(std::move(chain), {key, {}, present.leaf(), std::nullopt}, ca.trusted_roots(), system_now());
}

Identity Asking::ask(StepCa& ca, const Step& step, const std::optional<Identity>& present) {
  if (std::holds_alternative<Enroll>(step) || !present) return enroll_with(ca);
  try {
    return renew_with(ca, step, *present);
  } catch (const Error& error) {
    if (!is_refusal(error.kind())) throw;
    if (!certificate_.enroll) throw error.with_hint("if it is revoked or expired, only an \"enroll\" gets another one");
    say("renewal-refused", {{"error", error.what()}, {"done", "enrolls again"}});
    return enroll_with(ca);
  }
}

// A token that may have arrived is not shown to another CA in the same breath: the two may be one.
bool Asking::may_ask_another(const Error& error) const {
  return is_failure_of_ca(error.kind()) && (!token_is_out_ || error.is_unsent());
}

Identity Asking::ask_in_turn(const Step& step, const std::optional<Identity>& present) {
  std::optional<Identity> identity;
  const auto cas = in_turn(configuration_.authority, readable_authority(state_), system_now());
  everleaf::ask_in_turn(
      cas, StepCa::usual_time,
      [&](const Error& error) {
        const bool another = may_ask_another(error);
        if (another) say("ca-failed", {{"error", error.what()}, {"done", "asks the next one"}});
        return another;
      },
      [&](const HttpsUrl& url, std::chrono::milliseconds time) {
        StepCa ca(url, roots_, stop_, time);
        try {
          identity = ask(ca, step, present);
        } catch (const Error&) {
          note_clock(ca);
          throw;
        }
        note_clock(ca);
        answered_ = url;
      });
  return *identity;
}

void Asking::note_clock(const StepCa& ca) {
  const auto time = ca.time();
  if (!time) return;
  ca_ahead_ = *time - system_now();
  if (std::chrono::abs(*ca_ahead_) <= most_skew) return;
  say("clocks-differ", {{"ca", ca.url().origin()},
                        {"ca_time", format_time(*time)},
                        {"ca_ahead", format_duration(*ca_ahead_)},
                        {"hint", "certificates are judged by the clock here: one of the two is wrong"}});
}

void Asking::note_answer() try {
  const auto before = readable_authority(state_);
  const auto after = after_answer(configuration_.authority, before, *answered_, system_now());
  if (after != before) state_.store(after);
} catch (const Error& error) {
  say("state-not-written", {{"error", error.what()}});
}

}  // namespace everleaf::agent
