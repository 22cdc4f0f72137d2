// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace everleaf {

// A proxy refused its configuration after deliveries. Which of them is at fault, if any?

enum class Standing {
  in,        // the new certificate is in place
  out,       // it was taken back, which proves nothing yet
  at_fault,  // without it the proxy accepted what it had refused with it
};

struct Suspect {
  std::string certificate;
  bool can_go_back = false;  // there is an earlier one, and it is good enough
  Standing standing = Standing::in;
};

enum class Answer { accepted, refused };  // a proxy's, to a reload

// Where the search stands: the last delivered is the first suspect.
struct Search {
  std::vector<Suspect> suspects;
  Answer answer = Answer::refused;     // to what stands now
  std::optional<std::size_t> moved{};  // the suspect of the last step
};

// Each but the last is followed by a reload, whose answer belongs into the search by learn().
struct TakeBack {
  std::size_t suspect;
};
struct PutIn {
  std::size_t suspect;
};
struct EndSearch {};  // what is at fault stays out, and what else is out goes in again
using SearchStep = std::variant<TakeBack, PutIn, EndSearch>;

// One after the other is taken back, the last delivered first, until the proxy accepts what is left: then the one
// taken back last is at fault, and the others are put in again, one by one. If it refuses what it had before all of
// them, its configuration is broken for another reason, and none is at fault.
SearchStep next_step(const Search& search);

// The search after `step` was done and the proxy answered.
Search learn(Search search, const SearchStep& step, Answer answer);

bool found_fault(const Search& search);

}  // namespace everleaf
