// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include <everleaf/acme/order.hpp>
#include <everleaf/http/url.hpp>

namespace everleaf::cli {

// How an ACME server is convinced: by an answer at port 80 of every name.
class AcmeOptions {
 public:
  void add_to(CLI::App& command);

  const std::string& foreign_directory() const { return directory_; }  // empty: that of a provisioner

  // Throws usage before anybody is asked, and what order_certificate() throws.
  std::vector<Certificate> order(const std::string& directory, const TrustAnchors& roots, const acme::Wish& wish,
                                 const CertificateRequest& request) const;

 private:
  std::unique_ptr<acme::Responder> responder() const;
  acme::Account account() const;

  std::string directory_;
  bool standalone_ = false;
  std::string webroot_;
  std::string http_listen_ = ":80";
  std::vector<std::string> contacts_;
  std::string external_key_id_;
  std::string external_key_file_;
};

// The directory of an ACME provisioner.
std::string acme_directory(const HttpsUrl& ca, const std::string& provisioner);

}  // namespace everleaf::cli
