// SPDX-License-Identifier: Apache-2.0
#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct KeyCommandOptions {
  std::string file;
  std::string output_file;
  std::string password_file;
  ForceOption force;
};

PublicKey key_of_private(const std::string& pem, const std::string& source, const std::string& password_file) {
  std::optional<Secret> password;
  if (PrivateKey::is_encrypted_pem(pem))
    password = password_file.empty() ? ask_password("Please enter the password to decrypt " + source,
                                                    "give it with --password-file, or the certificate instead")
                                     : read_secret_input(password_file);
  return PrivateKey::from_pem(pem, source, password).public_key();
}

// Of the first block, as step reads; a certificate or request may be DER, too.
PublicKey find_key(const std::string& bytes, const std::string& source, const std::string& password_file) {
  const auto begin = bytes.find("-----BEGIN ");
  const auto kind = begin == std::string::npos ? "" : bytes.substr(begin, bytes.find('\n', begin) - begin);
  if (kind.find("PRIVATE KEY") != std::string::npos || kind.find("EC PARAMETERS") != std::string::npos)
    return key_of_private(bytes.substr(begin), source, password_file);
  if (kind.find("PUBLIC KEY") != std::string::npos) return PublicKey::from_pem(bytes, source);
  const auto found = parse_certificates_or_request(bytes, source);
  if (const auto* request = std::get_if<CertificateRequest>(&found)) return request->public_key();
  return std::get<std::vector<Certificate>>(found).front().public_key();
}

int key(const KeyCommandOptions& options) {
  const auto found = find_key(read_input(options.file), source_name(options.file), options.password_file);
  OutputFile output(options.output_file, options.force.existing_files());
  if (output.write(found.to_pem(), "public-key")) say("The public key has been saved in " + options.output_file + ".");
  return 0;
}

}  // namespace

void add_certificate_key(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("key", "Print the public key of a certificate, request or private key");
  command.footer(
      "Examples:\n"
      "  everleaf certificate key client.crt\n"
      "  everleaf certificate key client.key --out client.pub");
  auto options = std::make_shared<KeyCommandOptions>();
  command.add_option("FILE", options->file, "certificate, request or key; \"-\" for standard input")->required();
  command.add_option("--out,--output-file", options->output_file, "where to write it; else to standard output")
      ->type_name("FILE");
  command.add_option("--password-file", options->password_file, "file with the password of a private key")
      ->type_name("FILE");
  options->force.add_to(command);
  on_run(command, [options] { return key(*options); });
}

}  // namespace everleaf::cli
