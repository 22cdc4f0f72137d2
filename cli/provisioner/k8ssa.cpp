// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner/k8ssa.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>

namespace everleaf::cli {

constexpr auto usual_token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";

void K8sSaCredential::add_to(CLI::App& command) {
  command
      .add_option("--k8ssa-token-path", token_file_,
                  std::string("token of a Kubernetes service account; default: ") + usual_token_file)
      ->type_name("FILE");
}

// The CA is told nothing else: the certificate gets the names of the request (certificates:
// authority/provisioner/k8sSA.go).
Secret K8sSaCredential::make_token(StepCa&, const Provisioner&, const TokenWish&, const std::string&) const {
  const auto file = is_given() ? token_file_ : usual_token_file;
  auto token = read_secret_input(file);
  if (token.empty()) throw Error(ErrorKind::malformed, file + " holds no token");
  return token;
}

}  // namespace everleaf::cli
