// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/withhold.hpp>

#include <doctest/doctest.h>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time start = sys_days{2026y / January / 2};
const PairOnDisk live{{start - 16h, start + 8h}, Fingerprint::of("live")};
const PairOnDisk pending{{start, start + 24h}, Fingerprint::of("pending")};

Withheld refused(unsigned times, Time last) { return {pending.leaf, "no", times, last}; }

std::string name_of(const WithheldStep& step) {
  if (const auto* hold = std::get_if<Hold>(&step)) return "hold until " + format_time(hold->until);
  return std::holds_alternative<Offer>(step) ? "offer" : "discard";
}

std::string step_at(const Withheld& withheld, Time now, const PairOnDisk* present = &live) {
  return name_of(next_step(withheld, pending, present, {}, now));
}

std::string hold_until(Time time) { return "hold until " + format_time(time); }

}  // namespace

TEST_CASE("what was refused is held back for longer each time, and then offered again") {
  milliseconds waited{0};
  for (unsigned times = 1; times <= 4; ++times) {
    const auto again = retry_time_without_deadline(pending.leaf, times, start);
    CHECK(step_at(refused(times, start), start) == hold_until(again));
    CHECK(step_at(refused(times, start), again - 1s) == hold_until(again));
    CHECK(step_at(refused(times, start), again) == "offer");
    CHECK(again - start > waited);
    waited = again - start;
  }
}

TEST_CASE("it is offered when the live one expires, and from then on as before") {
  const Time end = live.validity.not_after;
  CHECK(step_at(refused(9, end - 1min), end - 1s) == hold_until(end));
  CHECK(step_at(refused(9, end - 1min), end) == "offer");
  CHECK(step_at(refused(9, end + 1s), end + 2s) == hold_until(retry_time_without_deadline(pending.leaf, 9, end + 1s)));
  CHECK(step_at(refused(1, start), start, nullptr) == "offer");
}

TEST_CASE("what is to be renewed itself is discarded") {
  const Time due = renewal_time(pending, {});
  CHECK(step_at(refused(4, due - 1s), due - 1s) != "discard");
  CHECK(step_at(refused(4, due - 1s), due) == "discard");
}

TEST_CASE("a refusal in the future was seen by a wrong clock") {
  CHECK(step_at(refused(4, start + 5h), start) == "offer");
}

TEST_CASE("after a reload of the configuration it is offered at once") {
  CHECK(step_at(refused(4, {}), start) == "offer");
}
