// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/certificate/input.hpp"

namespace everleaf::cli {

// --verify-ocsp, --verify-crl and where they look.
struct RevocationOptions {
  std::string issuer;
  bool verify_ocsp = false;
  std::string ocsp_endpoint;
  bool verify_crl = false;
  std::string crl_endpoint;

  void add_to(CLI::App& command);
  // Asks whether the first of `chain` was revoked, and answers what was found, in words. Throws wrong_certificate if it
  // was or nobody knows; connection and answer if nobody can be asked.
  std::vector<std::string> check(const std::vector<Certificate>& chain, const TrustAnchors& roots) const;
};

}  // namespace everleaf::cli
