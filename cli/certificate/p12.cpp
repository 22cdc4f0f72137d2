// SPDX-License-Identifier: Apache-2.0
#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/x509/pkcs12.hpp>
#include "cli/certificate/input.hpp"
#include "cli/command.hpp"
#include "cli/output_file.hpp"
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct P12Options {
  std::string output_file;
  std::string certificate;
  std::string key;
  std::vector<std::string> authorities;
  std::string password_file;
  std::string key_password_file;
  bool no_password = false;
  bool insecure = false;
  bool legacy = false;
  ForceOption force;
};

Secret password_of(const P12Options& options) {
  if (options.no_password) return {};
  if (!options.password_file.empty())
    if (auto password = read_secret_input(options.password_file); !password.empty()) return password;
  return ask_new_password("Please enter a password to encrypt the .p12 file",
                          "give it with --password-file, or have none with --no-password --insecure");
}

void check(const P12Options& options) {
  if (options.no_password && !options.insecure)
    throw Error(ErrorKind::usage, "--no-password requires --insecure",
                "the key will be readable by whoever has the file");
  if (!options.certificate.empty() && options.key.empty())
    throw Error(ErrorKind::usage, "KEY is missing beside " + options.certificate);
  if (options.certificate.empty() && options.authorities.empty())
    throw Error(ErrorKind::usage, "there is nothing to pack", "name CRT and KEY, or certificates with --ca");
}

int p12(const P12Options& options) {
  check(options);
  std::optional<Identity> identity;
  if (!options.certificate.empty())
    identity = read_pair(options.certificate, options.key, options.key_password_file, "--key-password-file");
  std::vector<Certificate> authorities;
  for (const auto& file : options.authorities) {
    const auto found = read_certificates(file);
    authorities.insert(authorities.end(), found.begin(), found.end());
  }
  OutputFile output(options.output_file, options.force.existing_files());
  const auto encryption = options.legacy ? Pkcs12Encryption::legacy : Pkcs12Encryption::modern;
  output.write(make_pkcs12(identity, authorities, password_of(options), encryption));
  say("Your .p12 bundle has been saved as " + options.output_file + ".");
  return 0;
}

}  // namespace

void add_certificate_p12(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("p12", "Pack a certificate and its key, or roots, into a .p12 file");
  command.footer(
      "Examples:\n"
      "  everleaf certificate p12 client.p12 client.crt client.key --password-file password\n"
      "  everleaf certificate p12 trust.p12 --ca root_ca.crt --password-file password");
  auto options = std::make_shared<P12Options>();
  command.add_option("P12", options->output_file, "where to write it")->required();
  command.add_option("CRT", options->certificate, "the certificate and its chain");
  command.add_option("KEY", options->key, "its key");
  command.add_option("--ca", options->authorities, "file with further certificates, repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("--password-file", options->password_file, "file with the password that protects it")
      ->type_name("FILE");
  command.add_option("--key-password-file", options->key_password_file, "file with the password of KEY")
      ->type_name("FILE");
  command.add_flag("--no-password", options->no_password, "protect it by no password; requires --insecure");
  command.add_flag("--insecure", options->insecure, "allow --no-password");
  command.add_flag("--legacy", options->legacy, "RC2, 3DES and SHA-1, for readers that know nothing better");
  options->force.add_to(command);
  on_run(command, [options] { return p12(*options); });
}

}  // namespace everleaf::cli
