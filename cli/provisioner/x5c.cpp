// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner/x5c.hpp"

#include <everleaf/files/streams.hpp>
#include "cli/output_files.hpp"

namespace everleaf::cli {

void X5cCredential::add_to(CLI::App& command) {
  auto* certificate =
      command.add_option("--x5c-cert", certificate_, "certificate, with its chain, that an X5C provisioner trusts")
          ->type_name("FILE");
  auto* key = command.add_option("--x5c-key", key_, "its key")->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
  command.add_option("--x5c-chain", chain_, "more of its chain, repeatable")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->needs(certificate);
}

void X5cCredential::add_insecure_to(CLI::App& command) {
  command.add_flag_callback(
      "--x5c-insecure", [this] { header_ = X5cHeader::x5c_insecure; },
      "send the certificate as \"x5cInsecure\", which X5C provisioners refuse");
}

Identity X5cCredential::read(const std::string& password_file) const {
  if (!is_given())
    throw Error(ErrorKind::usage, "an X5C provisioner needs --x5c-cert and --x5c-key",
                "the files of a certificate that it trusts");
  Identity identity{parse_certificates_or_der(read_input(certificate_), certificate_), read_key(key_, password_file)};
  require_matching(identity, certificate_ + " and " + key_);
  for (const auto& file : chain_)
    for (auto& certificate : parse_certificates_or_der(read_input(file), file))
      identity.chain.push_back(std::move(certificate));
  return identity;
}

Secret X5cCredential::make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                                 const std::string& password_file) const {
  return make_x5c_token(ca, provisioner, read(password_file), wish, header_);
}

}  // namespace everleaf::cli
