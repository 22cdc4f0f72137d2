// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <everleaf/x509/certificate.hpp>

namespace everleaf::cli {

// The file by which the system's trust store has `root`, named by `prefix` (empty: its common name) and its serial
// number, as step names it (truststore: truststore_linux.go). Throws missing if this system's store is not known.
std::filesystem::path trust_store_file(const Certificate& root, const std::string& prefix);

// Makes the system take up what changed there. Throws hook.
void refresh_trust_store();

// Stores of others that step writes to where it finds them (truststore: truststore_java.go, truststore_nss.go): the
// keytool of JAVA_HOME; a directory of certificates of Firefox, if certutil is there. Empty: there is none.
std::filesystem::path java_store();
std::filesystem::path firefox_store();

// --prefix and the root of `certificate install` and `uninstall`.
Certificate read_root(const std::string& file);  // throws usage if it is no self-signed CA

}  // namespace everleaf::cli
