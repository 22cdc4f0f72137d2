// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <everleaf/x509/name.hpp>

namespace everleaf {

// All that a certificate request asks for, beside its key.
struct RequestContents {
  struct Attribute {
    std::string oid;
    std::string value;
  };
  struct Extension {
    std::string oid;
    bool critical = false;
    std::string value;  // DER
  };

  std::vector<std::vector<Attribute>> subject;  // what stands together is one relative distinguished name
  std::vector<Name> names;
  std::vector<Extension> extensions;  // in their order; one of subject alternative names stands for `names`
  std::string signature_algorithm;    // "ECDSA-SHA384" ...; empty: as strong as the key
  std::vector<std::string> ignored;   // members of the JSON that say nothing to step either: others' words

  // What step makes of the JSON that a template wrote (go.step.sm/crypto, x509util/certificate_request.go): members in
  // any case, one string for a list of one, null for nothing. Throws malformed; also for what step would drop or write
  // otherwise without a word (an IP address that is none, text after the JSON), and for names of other kinds than ours.
  static RequestContents from_json(std::string_view text, const std::string& source);
};

// Whether Go writes this URI as it is; otherwise it would escape something in it, or refuse it.
bool is_plain_uri(std::string_view uri);

}  // namespace everleaf
