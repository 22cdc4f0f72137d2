// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/fault.hpp>

#include <algorithm>

namespace everleaf {
namespace {

template <typename Is>
std::optional<std::size_t> first(const std::vector<Suspect>& suspects, Is is) {
  const auto found = std::ranges::find_if(suspects, is);
  if (found == suspects.end()) return std::nullopt;
  return static_cast<std::size_t>(found - suspects.begin());
}

SearchStep after_refusal(const Search& search) {
  if (!found_fault(search)) {
    const auto next =
        first(search.suspects, [](const Suspect& one) { return one.standing == Standing::in && one.can_go_back; });
    if (next) return TakeBack{*next};
    return EndSearch{};
  }
  // One that was put in again is at fault, too. If it was not that, the configuration was broken meanwhile.
  if (search.moved && search.suspects[*search.moved].standing == Standing::in) return TakeBack{*search.moved};
  return EndSearch{};
}

}  // namespace

bool found_fault(const Search& search) {
  return std::ranges::any_of(search.suspects, [](const Suspect& one) { return one.standing == Standing::at_fault; });
}

SearchStep next_step(const Search& search) {
  if (search.answer == Answer::refused) return after_refusal(search);
  if (const auto next = first(search.suspects, [](const Suspect& one) { return one.standing == Standing::out; }))
    return PutIn{*next};
  return EndSearch{};
}

Search learn(Search search, const SearchStep& step, Answer answer) {
  search.answer = answer;
  if (const auto* taken = std::get_if<TakeBack>(&step)) {
    search.moved = taken->suspect;
    search.suspects[taken->suspect].standing = answer == Answer::accepted ? Standing::at_fault : Standing::out;
  } else if (const auto* put = std::get_if<PutIn>(&step)) {
    search.moved = put->suspect;
    search.suspects[put->suspect].standing = Standing::in;
  }
  return search;
}

}  // namespace everleaf
