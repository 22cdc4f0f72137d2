// SPDX-License-Identifier: Apache-2.0
// Private to step_ca/: what the CA says in the bodies of its answers. Somebody else's bytes: all that is wrong with
// them is thrown as `answer`, and nothing they say is believed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <everleaf/step_ca/provisioner.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// The CA's words out of its three forms of error, else the beginning of the body (step-ca-api: "Errors"). Escaped.
std::string words_of(std::string_view body);

std::string text_in_answer(std::string_view body, const char* member);
Certificate root_in_answer(std::string_view body);
std::vector<Certificate> roots_in_answer(std::string_view body);
std::vector<Certificate> chain_in_answer(std::string_view body);  // leaf first

struct ProvisionerPage {
  std::vector<Provisioner> provisioners;
  std::string next;  // the cursor of the next page, fit for a URL; empty: this was the last
};
ProvisionerPage provisioners_in_answer(std::string_view body);

}  // namespace everleaf
