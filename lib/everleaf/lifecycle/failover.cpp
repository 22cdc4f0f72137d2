// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/failover.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

bool is_fresh(const AuthorityState& state, Time now) {
  return !state.stand_in.empty() && state.stand_in_since && *state.stand_in_since <= now &&
         now - *state.stand_in_since < time_of_stand_in;
}

Error after(const std::string& earlier, const Error& error) {
  if (earlier.empty()) return error;
  Error all(error.kind(), std::string(error.what()) + "; before that " + earlier, error.hint());
  return all.set_retry_after(error.retry_after());
}

}  // namespace

AuthorityState readable_authority(const StateDirectory& state) try {
  return state.authority();
} catch (const Error& error) {
  if (error.kind() != ErrorKind::malformed) throw;
  return {};
}

std::vector<HttpsUrl> in_turn(const Authority& authority, const AuthorityState& state, Time now) {
  std::vector<HttpsUrl> cas{authority.url};
  cas.insert(cas.end(), authority.stand_ins.begin(), authority.stand_ins.end());
  if (is_fresh(state, now))
    std::stable_partition(cas.begin(), cas.end(), [&](const HttpsUrl& ca) { return ca.origin() == state.stand_in; });
  return cas;
}

AuthorityState after_answer(const Authority& authority, const AuthorityState& state, const HttpsUrl& answering,
                            Time now) {
  auto next = state;
  if (answering.origin() == authority.url.origin()) {
    next.stand_in.clear();
    next.stand_in_since.reset();
  } else if (answering.origin() != state.stand_in || !is_fresh(state, now)) {
    next.stand_in = answering.origin();
    next.stand_in_since = now;
  }
  if (std::exchange(next.is_away, false)) next.back = now;
  return next;
}

bool is_failure_of_ca(ErrorKind kind) {
  constexpr std::array failures{ErrorKind::connection, ErrorKind::timed_out, ErrorKind::tls, ErrorKind::server,
                                ErrorKind::throttled};
  return std::find(failures.begin(), failures.end(), kind) != failures.end();
}

void ask_in_turn(const std::vector<HttpsUrl>& cas, std::chrono::milliseconds time,
                 const std::function<bool(const Error&)>& go_on,
                 const std::function<void(const HttpsUrl&, std::chrono::milliseconds)>& ask) {
  const auto deadline = Clock::now() + time;
  std::string earlier;
  for (std::size_t i = 0; i < cas.size(); ++i) try {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      return ask(cas[i], left / static_cast<int>(cas.size() - i));
    } catch (const Error& error) {
      const auto named = cas.size() == 1 ? error : error.within(cas[i].origin());
      if (i + 1 == cas.size() || !go_on(error)) throw after(earlier, named);
      earlier = earlier.empty() ? named.what() : std::string(named.what()) + "; before that " + earlier;
    }
}

}  // namespace everleaf
