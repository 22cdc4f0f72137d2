// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/streams.hpp>
#include <everleaf/lifecycle/check.hpp>
#include "cli/ca/given_token.hpp"
#include "cli/ca/issuance.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/output_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

struct SignOptions {
  std::string request_file;
  std::string certificate_file;
  IssuanceOptions issuance;
  ForceOption force;
  OutputOptions output;
};

CertificateRequest read_request(const std::string& file) {
  auto request = CertificateRequest::from_pem_or_der(read_input(file), file);
  if (!request.has_valid_signature())
    throw Error(ErrorKind::malformed, file + " is not signed by the key that it is for");
  return request;
}

// In the order in which step puts them into a token.
std::vector<std::string> names_of(const CertificateRequest& request) {
  std::vector<std::string> values;
  for (const auto kind : {Name::Kind::dns, Name::Kind::ip, Name::Kind::email, Name::Kind::uri})
    for (const auto& name : request.names())
      if (name.kind == kind) values.push_back(name.value);
  return values;
}

Application application_of(const CertificateRequest& request, const std::string& file) {
  auto names = names_of(request);
  if (names.empty()) names.push_back(request.common_name());
  const auto subject = request.common_name().empty() ? names.front() : request.common_name();
  if (subject.empty())
    throw Error(ErrorKind::usage, file + " names nobody: it has neither common name nor other names");
  return {subject, names, request};
}

int sign(const SignOptions& options) {
  const auto request = read_request(options.request_file);
  const auto given = options.issuance.given_token();
  if (given && !request.common_name().empty()) require_subject(*given, request.common_name(), "CSR CommonName");
  const auto application = application_of(request, options.request_file);
  OutputPair output(options.certificate_file, {}, KeyFile::absent, options.force.existing_files(), options.output);
  auto issued = options.issuance.issue(application);
  output.write(accept(std::move(issued.chain), request, issued.lifetime, issued.roots, issued.judged_at), issued.roots);
  say_checked("Certificate", options.certificate_file);
  return 0;
}

}  // namespace

void add_ca_sign(CLI::App& ca) {
  auto& command = *ca.add_subcommand("sign", "Get a certificate for a request whose key stays where it is");
  command.footer(
      "Examples:\n"
      "  everleaf ca sign client.csr client.crt --provisioner admin --provisioner-password-file password\n"
      "  everleaf ca sign client.csr client.crt --token \"$(cat token)\" --not-after 8h\n"
      "  everleaf ca sign web.csr web.crt --provisioner acme --http-listen 127.0.0.1:8402");
  auto options = std::make_shared<SignOptions>();
  command.add_option("CSR", options->request_file, "certificate request in PEM or DER")->required();
  command.add_option("CRT", options->certificate_file, "where to write the certificate and its chain")->required();
  options->issuance.add_to(command);
  options->force.add_to(command);
  options->output.add_to(command);
  refuse_other_credentials(command);
  refuse_offline(command);
  on_run(command, [options] { return sign(*options); });
}

}  // namespace everleaf::cli
