// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/input.hpp"

#include <algorithm>
#include <filesystem>

#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/http/tls_peer.hpp>

namespace everleaf::cli {
namespace {

bool has_block(const std::string& bytes, const std::string& kind) {
  return bytes.find("-----BEGIN " + kind + "-----") != std::string::npos;
}

std::optional<CertificateRequest> request_in(const std::string& bytes, const std::string& source) try {
  if (has_block(bytes, "CERTIFICATE")) return std::nullopt;
  if (has_block(bytes, "CERTIFICATE REQUEST") || has_block(bytes, "NEW CERTIFICATE REQUEST"))
    return CertificateRequest::from_pem(bytes, source);
  return CertificateRequest::from_der(bytes, source);
} catch (const Error& error) {
  if (has_block(bytes, "CERTIFICATE REQUEST")) throw;
  return std::nullopt;  // then it may be a certificate
}

std::vector<Certificate> peer_chain(const TlsServer& server, const RemoteOptions& remote) {
  return fetch_peer_chain(
      server, {.roots = remote.trust(), .insecure_accept_anyone = remote.insecure, .server_name = remote.server_name});
}

std::vector<std::filesystem::path> files_of(const std::string& list) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(list)) {
    for (const auto& entry : std::filesystem::directory_iterator(list))
      if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    files.emplace_back(CLI::detail::trim_copy(list.substr(begin, end - begin)));
    begin = end + 1;
  }
  return files;
}

}  // namespace

void RemoteOptions::add_to(CLI::App& command) {
  command
      .add_option("--roots", roots, "whom a server must be vouched for by: file, files separated by commas, directory")
      ->type_name("FILE");
  command.add_option("--servername", server_name, "the name to ask a server for; default: its host")->type_name("NAME");
}

TrustAnchors RemoteOptions::trust() const {
  if (roots.empty()) return SystemRoots{};
  return read_roots(roots);
}

std::string source_name(const std::string& file) { return file == "-" ? "standard input" : file; }

std::vector<Certificate> read_certificates(const std::string& file, const RemoteOptions& remote) {
  if (const auto server = TlsServer::parse(file)) return peer_chain(*server, remote);
  return parse_certificates_or_der(read_input(file), source_name(file));
}

CertificatesOrRequest parse_certificates_or_request(const std::string& bytes, const std::string& source) {
  if (auto request = request_in(bytes, source)) return std::move(*request);
  return parse_certificates_or_der(bytes, source);
}

CertificatesOrRequest read_certificates_or_request(const std::string& file, const RemoteOptions& remote) {
  if (const auto server = TlsServer::parse(file)) return peer_chain(*server, remote);
  return parse_certificates_or_request(read_input(file), source_name(file));
}

std::vector<Certificate> read_roots(const std::string& files) {
  std::vector<Certificate> roots;
  for (const auto& file : files_of(files)) {
    const auto found = parse_certificates_or_der(read_input(file), file.string());
    roots.insert(roots.end(), found.begin(), found.end());
  }
  if (roots.empty()) throw Error(ErrorKind::missing, files + " holds no root certificate");
  return roots;
}

}  // namespace everleaf::cli
