// SPDX-License-Identifier: Apache-2.0
#include "agent/agenda.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace everleaf;
using namespace everleaf::agent;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2};

std::vector<std::string> take_all_due(Agenda& agenda, Time time) {
  std::vector<std::string> names;
  while (auto name = agenda.take_due(time)) names.push_back(*name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("an empty agenda has nothing to do") {
  Agenda agenda;
  CHECK(!agenda.take_due(Time::max()));
  CHECK(!agenda.next());
  CHECK(!agenda.due("web"));
  agenda.remove("web");
}

TEST_CASE("nothing is taken before it is due, and nothing twice") {
  Agenda agenda;
  agenda.put("web", now);
  CHECK(agenda.next() == now);
  CHECK(!agenda.take_due(now - 1s));
  CHECK(agenda.take_due(now) == "web");
  CHECK(!agenda.take_due(now));
  CHECK(!agenda.next());
}

TEST_CASE("a name is in it once: who is entered again moves") {
  Agenda agenda;
  agenda.put("web", now);
  agenda.put("web", now + 5s);
  CHECK(agenda.due("web") == now + 5s);
  CHECK(take_all_due(agenda, now + 4s).empty());
  agenda.put("web", now + 1s);
  CHECK(take_all_due(agenda, now + 9s) == Names{"web"});
}

TEST_CASE("who is removed is not taken, due or not") {
  Agenda agenda;
  agenda.put("mail", now);
  agenda.put("web", now);
  agenda.put("later", now + 1h);
  CHECK(agenda.take_due(now) == "mail");
  agenda.remove("web");
  agenda.remove("later");
  CHECK(take_all_due(agenda, now + 2h).empty());
  CHECK(!agenda.next());
}

TEST_CASE("of all that are due the most urgent comes first, then who was due first") {
  Agenda agenda;
  agenda.put("a week left", now, now + 168h);
  agenda.put("no deadline", now - 2h);
  agenda.put("an hour left", now - 1s, now + 1h);
  agenda.put("an hour left, due longer", now - 1h, now + 1h);
  agenda.put("not due", now + 1s, now + 2s);
  CHECK(take_all_due(agenda, now) == Names{"an hour left, due longer", "an hour left", "a week left", "no deadline"});
  CHECK(agenda.next() == now + 1s);
}

TEST_CASE("who becomes due while others wait for their turn is judged with them") {
  Agenda agenda;
  agenda.put("first", now, now + 5h);
  agenda.put("second", now, now + 6h);
  agenda.put("urgent", now + 1s, now + 1h);
  CHECK(agenda.take_due(now) == "first");
  CHECK(*agenda.next() <= now);
  CHECK(take_all_due(agenda, now + 1s) == Names{"urgent", "second"});
}
