// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/nesting.hpp>

#include <doctest/doctest.h>

using everleaf::line_nested_deeper_than;

namespace {

bool is_deeper_than(unsigned limit, std::string_view toml) { return line_nested_deeper_than(limit, toml).has_value(); }

}  // namespace

TEST_CASE("nesting is by dots and by brackets, and both add up") {
  for (const auto* three : {"a.b.c.d = 1", "[a.b.c]", "x = [[[1]]]", "a.b = {c = {}}", "a = [\n{b.c = 1}]"}) {
    CAPTURE(three);
    CHECK(is_deeper_than(2, three));
    CHECK_FALSE(is_deeper_than(3, three));
  }
}

TEST_CASE("what is closed, and the next key, begin again") {
  CHECK_FALSE(is_deeper_than(1, "a.b = 1\nc.d = 2\ne = [1, 2, 3]\nf = []\ng = {h = 1, i = 2}\n]]]j.k = 1"));
  CHECK_FALSE(is_deeper_than(2, "a = {b.c = 1, d.e = 2}\nf = [1.5, 2.5]"));
}

TEST_CASE("dots and brackets in strings and comments do not count") {
  CHECK_FALSE(is_deeper_than(
      0, "a = '[[[{{{...'\nb = \"...\\\"...[\"\n# a.b.c [[[\nc = '''\n'..[[\n'''\nd = \"\"\"...\n\\\"\"\"\""));
  CHECK(is_deeper_than(0, "'a.b'.c = 1"));
  CHECK(is_deeper_than(0, "a = 'no end\nb.c = 1"));
}

TEST_CASE("the line is told") {
  CHECK(line_nested_deeper_than(1, "a = 1\nb = '''\n\n'''\nc.d.e = 1") == 5);
  CHECK(line_nested_deeper_than(0, "") == std::nullopt);
  CHECK(line_nested_deeper_than(0, "\"") == std::nullopt);
}
