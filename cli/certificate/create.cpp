// SPDX-License-Identifier: Apache-2.0
#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/x509/certificate_request.hpp>
#include "cli/certificate/request_template.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/output_files.hpp"
#include "cli/output_set.hpp"
#include "cli/report.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct CreateOptions {
  std::string subject;
  std::string request_file;
  std::string key_file;
  std::string profile;
  std::string given_key;
  std::vector<std::string> names;
  std::string password_file;
  bool csr = false;
  bool no_password = false;
  bool insecure = false;
  TemplateOptions form;
  KeyOptions key;
  ForceOption force;
};

void check(const CreateOptions& options) {
  if (!options.csr)
    throw Error(ErrorKind::usage, "\"certificate create\" without --csr is not supported yet",
                "let the CA sign: \"everleaf ca certificate\", or --csr and \"everleaf ca sign\"");
  if (!options.profile.empty() && !options.form.file.empty())
    throw Error(ErrorKind::usage, "--profile does not go with --template");
  if (!options.profile.empty() && options.profile != "leaf")
    throw Error(ErrorKind::usage, "--profile does not go with --csr");
  if (options.no_password && !options.insecure)
    throw Error(ErrorKind::usage, "--no-password requires --insecure", "whoever can read the file will have the key");
  if (options.given_key.empty() == options.key_file.empty())
    throw Error(ErrorKind::usage, options.key_file.empty() ? "KEY is missing" : "KEY does not go with --key");
}

// As the file is to hold it: encrypted, unless told otherwise or the password file is empty.
std::string key_pem(const PrivateKey& key, const CreateOptions& options) {
  if (options.no_password) return std::string(key.to_pem().reveal());
  const auto password =
      options.password_file.empty()
          ? ask_new_password("Please enter the password to encrypt the private key",
                             "give it with --password-file, or have none with --no-password --insecure")
          : read_secret_input(options.password_file);
  return password.empty() ? std::string(key.to_pem().reveal()) : key.to_encrypted_pem(password);
}

std::string request_pem(const CreateOptions& options, const PrivateKey& key, const templates::Value& values) {
  auto names = options.names;
  std::erase(names, "");
  if (names.empty() && !options.subject.empty()) names.push_back(options.subject);
  if (options.form.file.empty()) return make_certificate_request(key, options.subject, classify_all(names));
  const auto contents = options.form.contents(options.subject, names, key, values);
  for (const auto& member : contents.ignored)
    say("warning: " + options.form.file + ": " + member + " is not part of a request");
  return make_certificate_request(key, contents);
}

int create(const CreateOptions& options) {
  check(options);
  const auto values = options.form.given.read();
  const bool new_key = options.given_key.empty();
  if (!new_key) require_not_its_key(options.request_file, options.given_key);
  const auto key =
      new_key ? PrivateKey::generate(options.key.type()) : read_key(options.given_key, options.password_file);
  const auto request = request_pem(options, key, values);

  std::vector<std::filesystem::path> files{options.request_file};
  if (new_key) files.emplace_back(options.key_file);
  require_replaceable(files, options.force.existing_files());
  std::vector<FileTarget> targets;
  for (const auto& file : files) targets.push_back({file, mode_of(file, file_mode::private_key)});
  OutputSet output(targets);
  output.write(0, request);
  if (new_key) output.write(1, key_pem(key, options));
  output.commit();
  for (const auto& file : files) tell_written(file);
  say("Your certificate signing request has been saved in " + options.request_file + ".");
  if (new_key) say("Your private key has been saved in " + options.key_file + ".");
  return 0;
}

}  // namespace

void add_certificate_create(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("create", "Make a key and a certificate request for it (--csr)");
  command.footer(
      "Examples:\n"
      "  everleaf certificate create --csr myuser client.csr client.key --password-file password\n"
      "  everleaf certificate create --csr --san web.internal --san 10.0.0.7 --key web.key web.internal web.csr\n"
      "  everleaf certificate create --csr --template csr.tpl --set team=web --key web.key myuser web.csr");
  auto options = std::make_shared<CreateOptions>();
  require_utf8(command.add_option("SUBJECT", options->subject, "common name of the certificate to be"))->required();
  command.add_option("CSR", options->request_file, "where to write the request")->required();
  command.add_option("KEY", options->key_file, "where to write the key; not with --key");
  command.add_flag("--csr", options->csr, "a request, not a certificate; the only thing there is yet");
  require_utf8(
      command.add_option("--san", options->names, "subject alternative name, repeatable; default: the subject"))
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_option("--key", options->given_key, "use this key instead of a new one")->type_name("FILE");
  command.add_option("--password-file", options->password_file, "file with the password of the key")->type_name("FILE");
  command.add_flag("--no-password", options->no_password, "do not encrypt the new key; requires --insecure");
  command.add_flag("--insecure", options->insecure, "allow --no-password");
  command.add_option("--profile", options->profile, "leaf (default): others make certificates")
      ->check(CLI::IsMember({"leaf", "intermediate-ca", "root-ca", "self-signed"}));
  options->form.add_to(command);
  options->key.add_to(command);
  options->force.add_to(command);
  refuse_flags(command, {"--kms", "--ca", "--ca-key", "--ca-kms", "--ca-password-file", "--not-before", "--not-after"});
  refuse_switches(command, {"--bundle", "--skip-csr-signature", "--subtle"});
  on_run(command, [options] { return create(*options); });
}

}  // namespace everleaf::cli
