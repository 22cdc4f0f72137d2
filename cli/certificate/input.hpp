// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/x509/certificate_request.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf::cli {

inline constexpr auto certificate_or_url = "certificate in PEM or DER, \"-\" for standard input, or https://host:port";

// --roots, --servername, --insecure: how a server is asked for its certificates.
struct RemoteOptions {
  std::string roots;
  std::string server_name;
  bool insecure = false;

  void add_to(CLI::App& command);
  TrustAnchors trust() const;  // of --roots, else the system's; throws what reading them throws
};

// What `file` is called in errors.
std::string source_name(const std::string& file);

// The certificates in `file` (PEM, or one in DER), on standard input, or that a server shows.
std::vector<Certificate> read_certificates(const std::string& file, const RemoteOptions& remote = {});

// The same, or a certificate request.
using CertificatesOrRequest = std::variant<std::vector<Certificate>, CertificateRequest>;
CertificatesOrRequest parse_certificates_or_request(const std::string& bytes, const std::string& source);
CertificatesOrRequest read_certificates_or_request(const std::string& file, const RemoteOptions& remote = {});

// Those in a file, a list of files separated by commas, or all files of a directory.
std::vector<Certificate> read_roots(const std::string& files);

}  // namespace everleaf::cli
