// SPDX-License-Identifier: Apache-2.0
// How names and extensions stand in certificates and requests. Private: included only by sources of x509/.
#pragma once

#include <string>
#include <vector>

#include <everleaf/x509/name.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {

// The last common name in it, empty if there is none.
std::string common_name_of(X509_NAME* name);
// Those of the kinds that step-ca issues, in their order.
std::vector<Name> to_names(const GENERAL_NAMES* general);

using ExtensionStack = std::unique_ptr<STACK_OF(X509_EXTENSION), void (*)(STACK_OF(X509_EXTENSION)*)>;
ExtensionStack extensions_of(X509_REQ* request);

std::string text_of(const ASN1_STRING* string);

}  // namespace everleaf
