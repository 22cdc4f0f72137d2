// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/intent_record.hpp>
#include <everleaf/state/state_directory.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

// What an earlier run remembered, or somebody put in its place.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  const auto account = fuzz::as_file(text, "proxy.one.json");
  const auto record = fuzz::as_file(text, "certificate.one.json");
  fuzz::as_file(text, "roots.pem");
  const StateDirectory state(account.parent_path());
  fuzz::must_answer([&] { static_cast<void>(state.attempts("one")); });
  fuzz::must_answer([&] { static_cast<void>(state.proxy("one")); });
  fuzz::must_answer([&] { static_cast<void>(state.roots()); });
  return fuzz::must_answer([&] { static_cast<void>(read_intent_record(record)); });
}
