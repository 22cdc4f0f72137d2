// SPDX-License-Identifier: Apache-2.0
#include <everleaf/template/template.hpp>

#include <everleaf/x509/certificate_request.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;

namespace {

constexpr auto values = R"({"team": "web", "yes": true, "no": false, "none": null, "list": ["a", "b"], "map": {"a": 1},
                            "deep": {"k": {"v": [1, {"w": "end"}]}}})";

}  // namespace

// A template, and what it writes as the contents of a request.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto key = PrivateKey::generate(KeyType::ec_p256);
  static const auto data = templates::Value::from_json(values, "values");
  return fuzz::must_answer([&] {
    const auto json = templates::fill(fuzz::text_of(bytes, size), data, "input");
    static_cast<void>(make_certificate_request(key, RequestContents::from_json(json, "input")));
  });
}
