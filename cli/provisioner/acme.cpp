// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner/acme.hpp"

#include <everleaf/acme/standalone.hpp>
#include <everleaf/acme/webroot.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/files/streams.hpp>
#include <everleaf/http/url.hpp>
#include "cli/report.hpp"
#include "cli/shared_options.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

// Says what the CA is going to look at.
class Announced : public acme::Responder {
 public:
  explicit Announced(std::unique_ptr<acme::Responder> responder) : responder_(std::move(responder)) {}
  void publish(const std::vector<acme::ChallengeAnswer>& answers) override {
    responder_->publish(answers);
    for (const auto& one : answers) say_checked("Challenge", "http-01 for " + one.identifier);
  }

 private:
  std::unique_ptr<acme::Responder> responder_;
};

}  // namespace

void AcmeOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "By ACME");
  command.add_option("--acme", directory_, "directory of another ACME server than step-ca")->type_name("URL");
  auto* standalone = command.add_flag("--standalone", standalone_, "ACME: answer the CA at --http-listen (default)");
  auto* webroot = command.add_option("--webroot", webroot_, "ACME: let a web server answer the CA from this directory")
                      ->type_name("DIRECTORY")
                      ->excludes(standalone);
  command.add_option("--http-listen", http_listen_, "ACME: where to answer; default: :80")
      ->type_name("ADDRESS")
      ->excludes(webroot);
  require_utf8(command.add_option("--contact", contacts_, "ACME: e-mail address for the CA's operator, repeatable"))
      ->type_name("EMAIL")
      ->allow_extra_args(false);
  auto* id = require_utf8(
                 command.add_option("--eab-kid", external_key_id_, "ACME: id of an external account (RFC 8555, 7.3.4)"))
                 ->type_name("ID");
  auto* key = command.add_option("--eab-hmac-key-file", external_key_file_, "ACME: file with its key, in base64url")
                  ->type_name("FILE");
  id->needs(key);
  key->needs(id);
}

std::unique_ptr<acme::Responder> AcmeOptions::responder() const {
  if (!webroot_.empty()) return std::make_unique<acme::Webroot>(webroot_);
  return std::make_unique<acme::Standalone>(http_listen_);
}

acme::Account AcmeOptions::account() const {
  acme::Account account{.contacts = contacts_};
  if (!external_key_id_.empty()) account.external = {external_key_id_, read_secret_input(external_key_file_)};
  return account;
}

std::vector<Certificate> AcmeOptions::order(const std::string& directory, const TrustAnchors& roots,
                                            const acme::Wish& wish, const CertificateRequest& request) const {
  acme::require_provable(wish.names);
  const auto with = account();
  acme::Client client(directory, roots, {});
  Announced responding(responder());
  client.make_account(with);
  const auto origin = HttpsUrl::parse(directory).origin();
  say_checked("CA", origin);
  tell("ca", origin);
  return acme::order_certificate(client, wish, request, responding);
}

std::string acme_directory(const HttpsUrl& ca, const std::string& provisioner) {
  return ca.at("/acme/" + percent_encoded(provisioner) + "/directory");
}

}  // namespace everleaf::cli
