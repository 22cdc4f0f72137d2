// SPDX-License-Identifier: Apache-2.0
// Private to config/: what a [certificate.NAME] says of the certificate itself.
#pragma once

#include <everleaf/config/configuration.hpp>
#include <everleaf/config/toml_reader.hpp>

namespace everleaf {

// What is wrong with it is noted. `title` is what problems call it; who uses it, and how that is probed, is not read.
ManagedCertificate read_certificate(const std::string& name, const std::string& title, TableReader& reader,
                                    const ProblemList& problems);

}  // namespace everleaf
