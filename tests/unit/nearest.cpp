// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/nearest.hpp>

#include <doctest/doctest.h>

using namespace everleaf;

TEST_CASE("a slip of the finger is recognised") {
  const std::vector<std::string> known{"subject", "names", "key", "token-file", "password-file"};
  const struct {
    const char* word;
    const char* meant;
  } cases[] = {
      {"subject", "subject"},
      {"subjct", "subject"},
      {"sujbect", "subject"},
      {"name", "names"},
      {"keys", "key"},
      {"kye", "key"},
      {"token_file", "token-file"},
      {"tokenfile", "token-file"},
      {"passwd-file", "password-file"},
      {"Subject", "subject"},
      {"", ""},
      {"x", ""},
      {"ke", "key"},
      {"entirely-different", ""},
      {"pass", ""},
  };
  for (const auto& one : cases) CHECK_MESSAGE(nearest(one.word, known) == one.meant, one.word);
}

TEST_CASE("letters that changed places are one slip") {
  for (const auto* word : {"ngnix", "nignx", "gninx", "ngixn"}) CHECK(nearest(word, {"apache", "nginx"}) == "nginx");
}

TEST_CASE("of two that are as near the first is meant, and of none there is none") {
  CHECK(nearest("bat", {"cat", "hat"}) == "cat");
  CHECK(nearest("bat", {"boat", "bat"}) == "bat");
  CHECK(nearest("bat", {}).empty());
}
