// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time start = sys_days{2026y / January / 2};
const ManagedCertificate without_enrollment{.name = "web", .subject = "myuser", .names = {"myuser"}};

ManagedCertificate with_enrollment() {
  auto certificate = without_enrollment;
  certificate.enroll = TokenFile{"/token"};
  return certificate;
}

ManagedCertificate with_rekey(const RekeyRule& rule) {
  auto certificate = without_enrollment;
  certificate.rekey = rule;
  return certificate;
}

PairOnDisk pair_of(seconds lifetime, const std::string& seed = "leaf") {
  return {{start, start + lifetime}, Fingerprint::of(seed)};
}

Attempts failed_at(Time when, ErrorKind kind = ErrorKind::connection, unsigned failures = 1) {
  return {.failures = failures, .last_failure = when, .last_kind = kind, .last_error = "the CA is away"};
}

std::string name_of(const Step& step) {
  static const std::vector<std::string> names{"wait",  "enroll",  "renew",        "rekey", "renew expired",
                                              "adopt", "give up", "update trust", "repair"};
  return names.at(step.index());
}

std::string step_of(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts, Time now) {
  return name_of(next_step(certificate, on_disk, attempts, {}, now).step);
}

Time waits_until(const ManagedCertificate& certificate, const OnDisk& on_disk, const Attempts& attempts, Time now) {
  return std::get<WaitUntil>(next_step(certificate, on_disk, attempts, {}, now).step).when;
}

// How long is waited after each failure in a row, the first of them when `left` is left, until past the end.
std::vector<seconds> waits_after_failures(const PairOnDisk& pair, seconds left) {
  std::vector<seconds> waits;
  Time failed = pair.validity.not_after - left;
  for (unsigned failures = 1; failed < pair.validity.not_after; ++failures) {
    const Time next = retry_time(pair.validity, pair.leaf, failures, failed);
    waits.push_back(next - failed);
    failed = next;
  }
  return waits;
}

bool is_about(seconds value, seconds expected) { return value >= expected * 3 / 4 && value <= expected * 5 / 4; }

}  // namespace

TEST_CASE("what to do follows from what is on disk, what failed, and the time") {
  const auto day = pair_of(24h);
  const Time due = start + 17h;
  const Time late = start + 25h;
  const struct {
    const char* what;
    ManagedCertificate certificate;
    OnDisk on_disk;
    Attempts attempts;
    Time now;
    const char* step;
  } cases[] = {
      {"nothing there", with_enrollment(), NothingOnDisk{}, {}, due, "enroll"},
      {"nothing there, just failed", with_enrollment(), NothingOnDisk{}, failed_at(due), due, "wait"},
      {"nothing there, failed long ago", with_enrollment(), NothingOnDisk{}, failed_at(due), due + 1h, "enroll"},
      {"nothing there and no way to get it", without_enrollment, NothingOnDisk{}, {}, due, "give up"},
      {"a half pair", with_enrollment(), UnusableOnDisk{"no key"}, {}, due, "give up"},
      {"fresh", without_enrollment, day, {}, start + 11h, "wait"},
      {"due", without_enrollment, day, {}, due, "rekey"},
      {"due, the key stays", with_rekey(RekeyNever{}), day, {}, due, "renew"},
      {"due, just failed", without_enrollment, day, failed_at(due), due, "wait"},
      {"due, failed a while ago", without_enrollment, day, failed_at(due), due + 1min, "rekey"},
      {"its last second", without_enrollment, day, {}, start + 24h - 1s, "rekey"},
      {"the second of its end, when a handshake fails", without_enrollment, day, {}, start + 24h, "renew expired"},
      {"expired", without_enrollment, day, {}, late, "renew expired"},
      {"expired, the CA was away", with_enrollment(), day, failed_at(due), late, "renew expired"},
      {"expired, and there is a credential", with_enrollment(), day, {}, late, "renew expired"},
  };
  for (const auto& one : cases)
    CHECK_MESSAGE(step_of(one.certificate, one.on_disk, one.attempts, one.now) == one.step, one.what);
}

TEST_CASE("only a CA that looked at who asks refuses") {
  CHECK(is_refusal(ErrorKind::unauthorized));
  CHECK(is_refusal(ErrorKind::forbidden));
  for (const auto kind : {ErrorKind::refused, ErrorKind::throttled, ErrorKind::server, ErrorKind::tls})
    CHECK(!is_refusal(kind));
}

TEST_CASE("when the CA that failed is back for one, the others follow within a minute, each at its time") {
  std::set<Time> times;
  const Time failed = start + 16h;
  const Time back = failed + 20min;
  for (int seed = 0; seed < 50; ++seed) {
    const auto day = pair_of(24h, std::to_string(seed));
    auto attempts = failed_at(failed, ErrorKind::connection, 4);
    const Time alone = waits_until(without_enrollment, day, attempts, failed);
    attempts.ca_back = back;
    const Time time = waits_until(without_enrollment, day, attempts, back - 1s);
    CHECK(time == alone);  // that it will be back is not known yet
    const auto plan = next_step(without_enrollment, day, attempts, {}, back);
    const auto* waiting = std::get_if<WaitUntil>(&plan.step);
    times.insert(waiting != nullptr ? waiting->when : back);
    CHECK(*times.rbegin() <= back + time_to_follow);
  }
  CHECK(times.size() > 20);
}

TEST_CASE("what expired meanwhile follows at once") {
  const auto day = pair_of(24h, "web");
  auto attempts = failed_at(start + 24h, ErrorKind::connection, 9);
  const Time back = start + 24h + 10s;
  attempts.ca_back = back;
  CHECK(step_of(without_enrollment, day, attempts, back - 1s) == "wait");
  CHECK(step_of(without_enrollment, day, attempts, back) == "renew expired");
}

TEST_CASE("that the CA is back for others says nothing to whom it refused, asked for patience, or failed later") {
  const auto day = pair_of(24h);
  const Time failed = start + 16h;
  const auto follows = [&](ErrorKind kind, Time back, std::optional<Time> not_before) {
    auto attempts = failed_at(failed, kind, 4);
    attempts.not_before = not_before;
    CHECK(step_of(without_enrollment, day, attempts, failed + 2min) == "wait");
    attempts.ca_back = back;
    return step_of(without_enrollment, day, attempts, failed + 2min) != "wait";
  };
  CHECK(follows(ErrorKind::connection, failed + 1min, {}));
  CHECK(!follows(ErrorKind::unauthorized, failed + 1min, {}));
  CHECK(!follows(ErrorKind::throttled, failed + 1min, failed + 5h));
  CHECK(!follows(ErrorKind::connection, failed, {}));
}

TEST_CASE("a first certificate follows, too") {
  auto attempts = failed_at(start, ErrorKind::timed_out, 4);
  CHECK(waits_until(with_enrollment(), NothingOnDisk{}, attempts, start) > start + 20min);
  attempts.ca_back = start + 1s;
  CHECK(step_of(with_enrollment(), NothingOnDisk{}, attempts, start + 1s + time_to_follow) == "enroll");
}

TEST_CASE("a plan says why") {
  const auto day = pair_of(24h);
  const auto why = [](const auto&... arguments) { return next_step(arguments...).why; };
  const std::vector<Obligation> nothing_owed;
  const Time due = renewal_time(day, std::nullopt);
  CHECK(why(without_enrollment, day, Attempts{}, nothing_owed, start) == "its renewal is not due");
  CHECK(why(without_enrollment, day, Attempts{}, nothing_owed, due) == "due since " + format_time(due));
  CHECK(why(without_enrollment, day, failed_at(due), nothing_owed, due) == "the last try failed: the CA is away");
  CHECK(why(with_enrollment(), NothingOnDisk{}, Attempts{}, nothing_owed, due) == "there is no certificate yet");
  const auto plan = next_step(with_enrollment(), UnusableOnDisk{"no key"}, {}, {}, due);
  CHECK(std::get<GiveUp>(plan.step).reason == "no key");
}

TEST_CASE("what a proxy owes is adopted while the certificate has nothing to do, and no sooner") {
  const auto day = pair_of(24h);
  const std::vector<Obligation> owed{{"web", day.leaf, start}};
  const auto plan = next_step(without_enrollment, day, {}, owed, start);
  CHECK(std::get<Adopt>(plan.step).owed == owed.front());
  CHECK(name_of(next_step(without_enrollment, day, {}, owed, start + 20h).step) == "rekey");
  CHECK(name_of(next_step(with_enrollment(), NothingOnDisk{}, {}, owed, start).step) == "enroll");
}

TEST_CASE("a key is replaced when it is old enough, or of unknown age") {
  const auto day = pair_of(24h);
  const auto certificate = with_rekey(RekeyAfter{hours(30 * 24)});
  const Time due = start + 17h;
  CHECK(step_of(certificate, day, {.key_since = due - hours(30 * 24)}, due) == "rekey");
  CHECK(step_of(certificate, day, {.key_since = due - hours(30 * 24) + 1s}, due) == "renew");
  CHECK(step_of(certificate, day, {}, due) == "rekey");
}

TEST_CASE("the renewal lies in the sixth of the lifetime that ends at two thirds of it, all over it") {
  for (const seconds lifetime : {seconds(20), seconds(60), seconds(1h), seconds(24h), seconds(8760h)}) {
    Time earliest = Time::max();
    Time latest = Time::min();
    for (int i = 0; i < 300; ++i) {
      const auto time = renewal_time(pair_of(lifetime, std::to_string(i)), std::nullopt);
      earliest = std::min(earliest, time);
      latest = std::max(latest, time);
    }
    CHECK(earliest >= start + lifetime / 2 - 1s);
    CHECK(earliest <= start + lifetime / 2 + lifetime / 60);
    CHECK(latest <= start + lifetime * 2 / 3);
    CHECK(latest >= start + lifetime * 2 / 3 - lifetime / 60 - 1s);
  }
}

TEST_CASE("the renewal is earlier where an outage is to be survived") {
  const auto day = pair_of(24h);
  CHECK(renewal_time(day, 8h) == renewal_time(day, std::nullopt));
  CHECK(renewal_time(day, 1h) == renewal_time(day, std::nullopt));
  CHECK(renewal_time(day, 10h) == renewal_time(day, std::nullopt) - 2h);
}

TEST_CASE("a survival of more than half of the lifetime is taken for half: else it would be due at once, for ever") {
  const auto day = pair_of(24h);
  CHECK(renewal_time(day, 12h) == renewal_time(day, std::nullopt) - 4h);
  for (const seconds survive : {13h, 24h, 1000h}) CHECK(renewal_time(day, survive) == renewal_time(day, 12h));
}

TEST_CASE("a certificate that is due as soon as it is there does not keep the CA busy") {
  const auto day = pair_of(24h);
  const Time now = start + 20h;  // our clock is 20 hours fast, or the CA backdates by more than half of the lifetime
  CHECK(waits_until(without_enrollment, day, {.last_success = now}, now) == now + 1h);
  CHECK(step_of(without_enrollment, day, {.last_success = now}, now + 1h) == "rekey");
  CHECK(step_of(without_enrollment, day, {.last_success = now + 1s}, now) == "rekey");  // the clock was set
  const auto short_one = pair_of(4s);
  CHECK(waits_until(without_enrollment, short_one, {.last_success = start + 3s}, start + 3s) == start + 4s);
}

TEST_CASE("of a certificate renewed in time the day of its renewal is not touched by that") {
  for (const seconds lifetime : {seconds(60), seconds(24h), seconds(8760h)})
    for (const std::optional<seconds> survive : {std::optional<seconds>(), std::optional<seconds>(lifetime / 2)}) {
      auto certificate = without_enrollment;
      certificate.survive = survive;
      const auto pair = pair_of(lifetime);
      CHECK(waits_until(certificate, pair, {.last_success = start}, start) == renewal_time(pair, survive));
    }
}

TEST_CASE("retries come after about 30 s, then between an eighth and five eighths of the time that is left") {
  for (int seed = 0; seed < 100; ++seed) {
    const auto waits = waits_after_failures(pair_of(24h, std::to_string(seed)), 8h);
    REQUIRE(waits.size() >= 8);
    CHECK(is_about(waits[0], 30s));
    seconds left = 8h - waits[0];
    for (std::size_t i = 1; i < waits.size(); ++i) {
      const seconds least{86};  // a thousandth of the lifetime
      CHECK(waits[i] >= least);
      CHECK(waits[i] >= left / 8);
      if (left / 8 > least) CHECK(waits[i] <= left * 5 / 8);
      left -= waits[i];
    }
    CHECK(waits.size() <= 40);
  }
}

TEST_CASE("retries spread") {
  std::vector<Time> first;
  for (int seed = 0; seed < 100; ++seed) {
    const auto day = pair_of(24h, std::to_string(seed));
    first.push_back(retry_time(day.validity, day.leaf, 4, start + 16h));
  }
  const auto [earliest, latest] = std::minmax_element(first.begin(), first.end());
  CHECK(*latest - *earliest > 210min);  // of eight hours, the half from the first eighth on
}

TEST_CASE("short certificates get several tries before they expire") {
  for (const seconds lifetime : {20s, 30s, 60s})
    for (int seed = 0; seed < 50; ++seed) {
      const auto pair = pair_of(lifetime, std::to_string(seed));
      const auto left = pair.validity.not_after - renewal_time(pair, std::nullopt);
      const auto waits = waits_after_failures(pair, left);
      CHECK(waits.size() >= (lifetime < 30s ? 4 : 5));
      CHECK(*std::min_element(waits.begin(), waits.end()) >= 1s);
    }
}

TEST_CASE("long certificates are tried again every few minutes when they are about to expire") {
  const auto year = pair_of(8760h);
  for (const seconds left : {seconds(1h), seconds(8h)})
    for (unsigned failures = 1; failures < 20; ++failures) {
      const Time failed = year.validity.not_after - left;
      CHECK(retry_time(year.validity, year.leaf, failures, failed) <= failed + left * 5 / 8);
    }
}

TEST_CASE("past expiry retries come every five minutes at most") {
  for (const seconds lifetime : {seconds(20), seconds(24h), seconds(87600h)})
    for (unsigned failures = 1; failures < 100; ++failures) {
      const auto pair = pair_of(lifetime, std::to_string(failures));
      for (const seconds after : {seconds(0), seconds(1), seconds(1000h)}) {
        const Time failed = pair.validity.not_after + after;
        const auto wait = retry_time(pair.validity, pair.leaf, failures, failed) - failed;
        CHECK(wait <= 5min);
        CHECK(wait >= (failures == 1 ? 20s : 90s));
      }
    }
}

TEST_CASE("without a deadline retries end at half an hour") {
  const auto spread = Fingerprint::of("web");
  const auto wait = [&](unsigned failures) { return retry_time_without_deadline(spread, failures, start) - start; };
  CHECK(is_about(wait(1), 30s));
  CHECK(is_about(wait(2), 2min));
  CHECK(is_about(wait(3), 8min));
  for (const unsigned failures : {4U, 5U, 100U, 4'000'000'000U}) CHECK(is_about(wait(failures), 30min));
}

TEST_CASE("a reload that failed is tried again before what the proxy still has ends, and often after that") {
  ProxyState account{.owed = {{"web", Fingerprint::of("leaf"), start}}, .failures = 4, .last_failure = start};
  const auto wait = [&](std::optional<Time> deadline) {
    account.owed.front().deadline = deadline;
    return retry_time_of_reload(account) - start;
  };
  CHECK(wait(std::nullopt) > 20min);
  CHECK(wait(start + 24h) == wait(std::nullopt));
  CHECK(wait(start + 20min) == 5min);
  CHECK(wait(start + 40s) == 30s);
  CHECK(wait(start - 1h) == 5min);
}

TEST_CASE("Retry-After is obeyed, but not past the last useful moment") {
  const auto day = pair_of(24h);
  const Time failed = start + 16h;
  auto throttled = failed_at(failed, ErrorKind::throttled);
  throttled.not_before = failed + 2h;
  CHECK(waits_until(without_enrollment, day, throttled, failed) == failed + 2h);
  throttled.not_before = failed + 100h;
  CHECK(waits_until(without_enrollment, day, throttled, failed) == day.validity.not_after - 72min);
  throttled.not_before = failed + 1s;  // sooner than we would: we are more patient
  CHECK(is_about(waits_until(without_enrollment, day, throttled, failed) - failed, 30s));
  throttled.last_failure = day.validity.not_after + 1h;
  throttled.not_before = day.validity.not_after + 7h;
  CHECK(waits_until(without_enrollment, day, throttled, *throttled.last_failure) <= *throttled.last_failure + 5min);
  throttled.not_before = failed + 2h;
  throttled.last_failure = failed;
  CHECK(waits_until(with_enrollment(), NothingOnDisk{}, throttled, failed) == failed + 2h);
}

TEST_CASE("a failure in the future is none: the clock was wrong then") {
  const auto day = pair_of(24h);
  auto attempts = failed_at(start + 9000h);
  attempts.not_before = start + 9001h;
  CHECK(step_of(without_enrollment, day, attempts, start + 17h) == "rekey");
  CHECK(step_of(with_enrollment(), NothingOnDisk{}, attempts, start) == "enroll");
}

// Everything that the plan looks at, in many combinations.
template <typename Visit>
void for_many_inputs(Visit visit) {
  const std::vector<OnDisk> on_disk{NothingOnDisk{}, pair_of(20s), pair_of(5min), pair_of(24h), pair_of(8760h)};
  for (const auto& pair : on_disk)
    for (const auto& survive : {std::optional<seconds>(), std::optional<seconds>(10h), std::optional<seconds>(10s)})
      for (const unsigned failures : {0U, 1U, 2U, 3U, 4U, 50U})
        for (const auto kind : {ErrorKind::connection, ErrorKind::unauthorized, ErrorKind::refused})
          for (const seconds patience : {seconds(0), seconds(30min), seconds(6h)})
            for (const seconds age : {seconds(0), seconds(12s), seconds(4min), seconds(15h), seconds(5000h)}) {
              auto certificate = with_enrollment();
              certificate.survive = survive;
              auto attempts = failed_at(start + age, kind, failures);
              if (patience > 0s) attempts.not_before = start + age + patience;
              if (failures == 0) attempts = {.last_success = start + age};
              visit(certificate, pair, attempts, start + age);
            }
}

TEST_CASE("waiting ends when it said it would, and not before") {
  for_many_inputs([](const auto& certificate, const auto& on_disk, const auto& attempts, Time now) {
    const auto plan = next_step(certificate, on_disk, attempts, {}, now);
    const auto* waiting = std::get_if<WaitUntil>(&plan.step);
    if (waiting == nullptr) return;
    CHECK(waiting->when > now);
    CHECK(step_of(certificate, on_disk, attempts, waiting->when) != "wait");
    CHECK(waits_until(certificate, on_disk, attempts, waiting->when - 1s) == waiting->when);
  });
}

TEST_CASE("after every failure and every success there is some waiting") {
  for_many_inputs([](const auto& certificate, const auto& on_disk, const auto& attempts, Time now) {
    if (attempts.failures > 0) CHECK(waits_until(certificate, on_disk, attempts, now) > now);
    if (attempts.failures == 0 && std::holds_alternative<PairOnDisk>(on_disk) &&
        now < std::get<PairOnDisk>(on_disk).validity.not_after)
      CHECK(waits_until(certificate, on_disk, attempts, now) > now);
  });
}

TEST_CASE("who failed later is not tried earlier") {
  for (const seconds lifetime : {seconds(20), seconds(24h), seconds(8760h)})
    for (unsigned failures = 1; failures < 8; ++failures) {
      const auto pair = pair_of(lifetime);
      Time previous = Time::min();
      for (int step = 0; step <= 300; ++step) {
        const Time failed = start + lifetime / 2 + lifetime * step / 400;
        const Time next = retry_time(pair.validity, pair.leaf, failures, failed);
        CHECK(next > failed);
        CHECK(next >= previous);
        previous = next;
      }
    }
}

TEST_CASE("a name that is configured but not in the certificate is asked for at once, where that is possible") {
  auto pair = pair_of(24h);
  pair.missing_names = "web.internal";
  CHECK(name_of(next_step(with_enrollment(), pair, {}, {}, start + 1h).step) == "enroll");
  CHECK(name_of(next_step(without_enrollment, pair, {}, {}, start + 1h).step) == "wait");
  const auto failed = failed_at(start + 1h, ErrorKind::unauthorized);
  CHECK(name_of(next_step(with_enrollment(), pair, failed, {}, start + 1h).step) == "wait");
  CHECK(name_of(next_step(with_enrollment(), pair, failed_at(start + 15h), {}, start + 17h).step) == "rekey");
}

TEST_CASE("other roots go out before anything else is asked for") {
  auto day = pair_of(24h);
  day.has_other_roots = true;
  for (const auto age : {1h, 17h}) CHECK(step_of(with_enrollment(), day, {}, start + age) == "update trust");
}

TEST_CASE("what is damaged beside a good pair is put right, unless a new one is due, which mends it as well") {
  auto day = pair_of(24h);
  day.damage = "tls.pem is not tls.crt and tls.key";
  const auto plan = next_step(with_enrollment(), day, {}, {}, start + 1h);
  CHECK(name_of(plan.step) == "repair");
  CHECK(plan.why == day.damage);
  CHECK(step_of(with_enrollment(), day, {}, start + 17h) == "rekey");
  CHECK(step_of(with_enrollment(), day, failed_at(start + 17h), start + 17h) == "repair");  // meanwhile
  CHECK(waits_until(with_enrollment(), day, {.repaired = start + 1h}, start + 1h + 59min) > start + 2h);
  CHECK(step_of(with_enrollment(), day, {.repaired = start + 1h}, start + 2h) == "repair");
  CHECK(step_of(with_enrollment(), day, {.repaired = start + 1h}, start + 59min) ==
        "repair");  // the clock was set back
  day.has_other_roots = true;
  CHECK(step_of(with_enrollment(), day, {}, start + 1h) == "update trust");
}

TEST_CASE("what expired is not delivered once more, but replaced") {
  auto day = pair_of(24h);
  day.damage = "tls.pem is not tls.crt and tls.key";
  CHECK(step_of(with_enrollment(), day, {}, start + 24h) == "renew expired");
  day.has_other_roots = true;
  CHECK(step_of(with_enrollment(), day, {}, start + 24h) == "renew expired");
}

TEST_CASE("a new root gets a minute to be everywhere before a leaf that may be under it") {
  auto day = pair_of(24h);
  day.trust_grew = start + 17h;
  CHECK(waits_until(without_enrollment, day, {}, start + 17h) == start + 17h + 1min);
  CHECK(step_of(without_enrollment, day, {}, start + 17h + 1min) == "rekey");
  CHECK(step_of(without_enrollment, day, {}, start + 17h - 1s) == "rekey");  // the clock was set back
  day.trust_grew = start + 23h;
  CHECK(step_of(without_enrollment, day, {}, start + 23h) == "rekey");  // it has no time to wait
  day.trust_grew = start + 25h;
  CHECK(step_of(without_enrollment, day, {}, start + 25h) == "renew expired");
  auto minute = pair_of(60s);
  minute.trust_grew = start + 45s;
  CHECK(waits_until(without_enrollment, minute, {}, start + 45s) == start + 48s);
}

TEST_CASE("a key from the future has no known age") {
  const auto monthly = with_rekey(RekeyAfter{720h});
  const Attempts attempts{.key_since = start + 1000h};
  CHECK(name_of(next_step(monthly, pair_of(24h), attempts, {}, start + 17h).step) == "rekey");
}

TEST_CASE("looking ahead ends with what is done when all waiting is over") {
  for_many_inputs([](const auto& certificate, const auto& on_disk, const auto& attempts, Time now) {
    const auto prospect = look_ahead(certificate, on_disk, attempts, now);
    CHECK(name_of(prospect.then.step) != "wait");
    CHECK(name_of(prospect.now.step) == step_of(certificate, on_disk, attempts, now));
    CHECK(name_of(prospect.then.step) == step_of(certificate, on_disk, attempts, prospect.when));
    CHECK((prospect.when > now) == (name_of(prospect.now.step) == "wait"));
  });
}

TEST_CASE("the window holds every moment that a fingerprint can choose") {
  for (const auto survive : {std::optional<seconds>(), std::optional<seconds>(10h), std::optional<seconds>(20h)})
    for (int seed = 0; seed < 200; ++seed) {
      const auto pair = pair_of(24h, std::to_string(seed));
      const auto window = renewal_window(pair.validity, survive);
      CHECK(window.end - window.begin == 4h);
      CHECK(renewal_time(pair, survive) >= window.begin);
      CHECK(renewal_time(pair, survive) <= window.end);
    }
}

TEST_CASE("what only this host forbids is tried again in time for what is live") {
  const auto wait = [](std::optional<Time> deadline) { return local_retry_time(deadline, start) - start; };
  CHECK(wait(std::nullopt) == 5min);
  CHECK(wait(start + 8h) == 5min);
  CHECK(wait(start + 8min) == 2min);
  CHECK(wait(start + 20s) == 5s);
  CHECK(wait(start + 1s) == 1s);
  CHECK(wait(start - 1s) == 30s);
}
