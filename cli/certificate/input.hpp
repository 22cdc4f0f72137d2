// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <everleaf/x509/certificate.hpp>

namespace everleaf::cli {

// The certificates in `file` (PEM, or one in DER), or on standard input if that is "-" or empty.
std::vector<Certificate> read_certificates(const std::string& file);

}  // namespace everleaf::cli
