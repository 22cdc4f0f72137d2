// SPDX-License-Identifier: Apache-2.0
// Private: included only by sources of x509/.
#pragma once

#include <everleaf/x509/openssl.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf {

inline void fill(X509_STORE* store, const TrustAnchors& roots) {
  const auto* system = std::get_if<SystemRoots>(&roots);
  if (system != nullptr) X509_STORE_set_default_paths(store);
  for (const auto& root : system != nullptr ? system->others : std::get<std::vector<Certificate>>(roots))
    X509_STORE_add_cert(store, root.native());
  if (system == nullptr) X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

}  // namespace everleaf
