// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/lifecycle/adopt.hpp>

namespace everleaf {

// A new certificate that is at fault: the one before it is live again, and it waits beside it.
struct TakenBack {
  std::string certificate;
  Withheld withheld;
  Time deadline;  // when the one before it expires
};

// What came of the question whose fault a refusal is.
struct Judgement {
  std::vector<TakenBack> taken_back;
  std::optional<Error> broken;         // what the proxy still refuses, without those that are at fault
  AdoptionResult adoption;             // of the others, if it accepts them
  std::vector<std::string> disturbed;  // other proxies that owe what is live again
};

// Finds out by taking back and reloading (see fault.hpp) which of `certificates`, all owed by `proxy`, it refuses.
// Takes none back for one that is expired or has less than a tenth of its life left, that is not there any more, or
// that somebody has changed. Nobody else may do anything with these certificates, or with the proxies that use them,
// meanwhile. Whatever it throws (cancelled, hook if the proxy does not answer or after four times its
// time limit, storage), all new ones are in place
// again if that is possible at all; what is not is held back as if it were at fault.
Judgement judge(const Configuration& configuration, const Proxy& proxy, const std::vector<std::string>& certificates,
                const StateDirectory& state, Time now, std::stop_token stop);

}  // namespace everleaf
