// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/fault.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace everleaf;

namespace {

// A proxy whose configuration is good, or broken by itself, or by some new certificates; certificates are letters, the
// last delivered first.
struct Case {
  const char* delivered;
  const char* bad;
  bool broken = false;
  const char* first_ones = "";  // without an earlier one
  const char* steps;            // "-a" taken back, "+a" put in
  const char* at_fault;
};

std::string letters_that(const Search& search, Standing standing) {
  std::string text;
  for (const auto& one : search.suspects)
    if (one.standing == standing) text += one.certificate;
  return text;
}

Answer answer_of(const Case& proxy, const Search& search) {
  const std::string bad = proxy.bad;
  const auto in = letters_that(search, Standing::in);
  const bool has_bad = std::ranges::any_of(in, [&](char c) { return bad.find(c) != std::string::npos; });
  return proxy.broken || has_bad ? Answer::refused : Answer::accepted;
}

struct Story {
  std::string steps;
  Search search;
};

Story search_in(const Case& proxy) {
  Story story;
  for (const char c : std::string(proxy.delivered))
    story.search.suspects.push_back({std::string(1, c), std::string(proxy.first_ones).find(c) == std::string::npos});
  while (true) {
    const auto step = next_step(story.search);
    if (std::holds_alternative<EndSearch>(step)) return story;
    const auto* put = std::get_if<PutIn>(&step);
    const auto which = put != nullptr ? put->suspect : std::get<TakeBack>(step).suspect;
    auto& suspect = story.search.suspects[which];
    story.steps += (put != nullptr ? '+' : '-') + suspect.certificate;
    REQUIRE(story.steps.size() < 200);
    suspect.standing = put != nullptr ? Standing::in : Standing::out;
    story.search = learn(story.search, step, answer_of(proxy, story.search));
  }
}

}  // namespace

TEST_CASE("what a proxy refuses is found by taking back and putting in again") {
  const Case cases[] = {
      {.delivered = "a", .bad = "a", .steps = "-a", .at_fault = "a"},
      {.delivered = "a", .bad = "", .broken = true, .steps = "-a", .at_fault = ""},
      {.delivered = "a", .bad = "a", .first_ones = "a", .steps = "", .at_fault = ""},
      {.delivered = "abc", .bad = "a", .steps = "-a", .at_fault = "a"},
      {.delivered = "abc", .bad = "b", .steps = "-a-b+a", .at_fault = "b"},
      {.delivered = "abc", .bad = "c", .steps = "-a-b-c+a+b", .at_fault = "c"},
      {.delivered = "abc", .bad = "ab", .steps = "-a-b+a-a", .at_fault = "ab"},
      {.delivered = "abc", .bad = "abc", .steps = "-a-b-c+a-a+b-b", .at_fault = "abc"},
      {.delivered = "abc", .bad = "", .broken = true, .steps = "-a-b-c", .at_fault = ""},
      {.delivered = "abc", .bad = "b", .first_ones = "a", .steps = "-b", .at_fault = "b"},
      {.delivered = "abc", .bad = "a", .first_ones = "a", .steps = "-b-c", .at_fault = ""},
  };
  for (const auto& one : cases) {
    CAPTURE(one.delivered);
    CAPTURE(one.bad);
    CAPTURE(one.first_ones);
    const auto story = search_in(one);
    CHECK(story.steps == one.steps);
    CHECK(letters_that(story.search, Standing::at_fault) == one.at_fault);
  }
}

TEST_CASE("one bad certificate of twenty costs forty reloads at most") {
  const auto story = search_in({.delivered = "abcdefghijklmnopqrst", .bad = "t", .steps = "", .at_fault = ""});
  CHECK(letters_that(story.search, Standing::at_fault) == "t");
  CHECK(letters_that(story.search, Standing::in) == "abcdefghijklmnopqrs");
  CHECK(story.steps.size() / 2 == 39);
}

TEST_CASE("a configuration that is broken during the search ends it") {
  Search search{.suspects = {{"a", true}, {"b", true}, {"c", true}}};
  search = learn(search, TakeBack{0}, Answer::refused);
  search = learn(search, TakeBack{1}, Answer::accepted);
  search = learn(search, PutIn{0}, Answer::refused);
  CHECK(std::get<TakeBack>(next_step(search)).suspect == 0);
  search = learn(search, TakeBack{0}, Answer::refused);
  CHECK(std::holds_alternative<EndSearch>(next_step(search)));
  CHECK(letters_that(search, Standing::at_fault) == "b");
}
