// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/state/state_directory.hpp>

namespace everleaf {

// A stand-in that took over stays the first to be asked for this long; then the order is the configured one again.
inline constexpr std::chrono::hours time_of_stand_in{1};

// As it is stored; nothing for a damaged one, which the next answer of a CA writes anew.
AuthorityState readable_authority(const StateDirectory& state);

// Where the CA is asked, and in which order.
std::vector<HttpsUrl> in_turn(const Authority& authority, const AuthorityState& state, Time now);

// What is remembered after `answering` gave what was asked for; the same as before, where there is nothing new.
AuthorityState after_answer(const Authority& authority, const AuthorityState& state, const HttpsUrl& answering,
                            Time now);

// Whether it was the CA that failed, or the way to it: then another one may do better, or the same one later. Not so
// if it looked at what we asked for, and said no.
bool is_failure_of_ca(ErrorKind kind);

// Calls `ask` for one after the other until it does not throw; each gets an even share of the time that is left.
// Throws the last error, with what the others said before. `go_on` says after which error another one may be asked.
void ask_in_turn(const std::vector<HttpsUrl>& cas, std::chrono::milliseconds time,
                 const std::function<bool(const Error&)>& go_on,
                 const std::function<void(const HttpsUrl&, std::chrono::milliseconds)>& ask);

}  // namespace everleaf
