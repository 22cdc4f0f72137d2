// SPDX-License-Identifier: Apache-2.0
#include "cli/certificate/revocation.hpp"

#include <algorithm>
#include <functional>

#include <everleaf/error/error.hpp>
#include <everleaf/http/http_client.hpp>
#include <everleaf/x509/revocation.hpp>
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

constexpr std::size_t largest_answer = 8 << 20;  // the CRL of a large CA

// Where and how it is asked. What comes back is signed or judged by its signature, so http will do.
class Source {
 public:
  explicit Source(const TrustAnchors& roots) : roots_(std::get_if<std::vector<Certificate>>(&roots)) {}

  std::string fetch(const std::string& url, std::optional<std::string> ocsp = std::nullopt) const {
    HttpClient client(trust_for(url), std::nullopt, {.body = largest_answer});
    HttpRequest request{.url = url};
    if (ocsp)
      request = {.method = "POST", .url = url, .body = Secret(*ocsp), .content_type = "application/ocsp-request"};
    const auto response = client.send(request, {});
    if (response.status != 200)
      throw Error(ErrorKind::answer, escape(url) + " answered with status " + std::to_string(response.status));
    return response.body;
  }

 private:
  ServerTrust trust_for(const std::string& url) const {
    if (url.starts_with("http://")) return InTheClear{};
    if (!url.starts_with("https://"))
      throw Error(ErrorKind::usage, "cannot ask " + escape(url), "only http:// and https:// can be asked");
    if (roots_ == nullptr)
      throw Error(ErrorKind::usage, "nobody vouches for the server of " + escape(url), "give its root with --roots");
    return TrustRoots{*roots_};
  }

  const std::vector<Certificate>* roots_;  // null: those of the system
};

// The one that was given, of the chain, or of the roots. The chain was found to be good: it is nearly always there.
Certificate issuer_of(const std::vector<Certificate>& chain, const std::string& given, const TrustAnchors& roots) {
  const auto is_issuer = [&](const Certificate& one) { return is_issued_by(chain.front(), one); };
  if (!given.empty()) {
    auto issuer = read_certificates(given).front();
    if (is_issuer(issuer)) return issuer;
    throw Error(ErrorKind::wrong_certificate, given + " is not the issuer of the certificate");
  }
  auto known = chain;
  if (const auto* given_roots = std::get_if<std::vector<Certificate>>(&roots))
    known.insert(known.end(), given_roots->begin(), given_roots->end());
  if (const auto found = std::find_if(known.begin(), known.end(), is_issuer); found != known.end()) return *found;
  throw Error(ErrorKind::missing, "the certificate's issuer is not known", "give it with --issuing-ca");
}

// The first that can be asked decides.
std::string ask_in_turn(const std::vector<std::string>& urls,
                        const std::function<RevocationStatus(const std::string&)>& ask, const std::string& by,
                        const std::string& flag) {
  if (urls.empty())
    throw Error(ErrorKind::missing, "the certificate does not say where to ask for its revocation by " + by,
                "give it with " + flag);
  std::optional<Error> last;
  for (const auto& url : urls) {
    auto found = RevocationStatus::unknown;
    try {
      found = ask(url);
    } catch (const Error& error) {
      last = error.within("cannot learn from " + escape(url) + " whether it is revoked");
      continue;
    }
    if (found == RevocationStatus::good) return url;
    throw Error(ErrorKind::wrong_certificate,
                (found == RevocationStatus::revoked ? "it is revoked, says the " : "it is not known, says the ") + by +
                    " of " + escape(url));
  }
  throw *last;
}

std::vector<std::string> urls_of(const std::string& given, const std::vector<std::string>& of_certificate) {
  return given.empty() ? of_certificate : std::vector{given};
}

}  // namespace

void RevocationOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "Revocation");
  command.add_option("--issuing-ca", issuer, "the certificate's issuer; default: of FILE or --roots")
      ->type_name("FILE");
  command.add_flag("--verify-ocsp", verify_ocsp, "ask its issuer's OCSP responder");
  command.add_option("--ocsp-endpoint", ocsp_endpoint, "the responder; default: what the certificate says")
      ->type_name("URL");
  command.add_flag("--verify-crl", verify_crl, "look into its issuer's list of revoked certificates");
  command.add_option("--crl-endpoint", crl_endpoint, "where the list is; default: what the certificate says")
      ->type_name("URL");
}

std::vector<std::string> RevocationOptions::check(const std::vector<Certificate>& chain,
                                                  const TrustAnchors& roots) const {
  if (!verify_ocsp && !verify_crl) return {};
  const auto& certificate = chain.front();
  const auto issuing = issuer_of(chain, issuer, roots);
  const auto sources = revocation_sources(certificate);
  const Source source(roots);
  std::vector<std::string> found;
  if (verify_crl) {
    const auto look = [&](const std::string& url) {
      return read_crl(source.fetch(url), certificate, issuing, system_now());
    };
    found.push_back("certificate not revoked in CRL " +
                    ask_in_turn(urls_of(crl_endpoint, sources.crls), look, "CRL", "--crl-endpoint"));
  }
  if (verify_ocsp) {
    const auto ask = [&](const std::string& url) {
      return read_ocsp_answer(source.fetch(url, make_ocsp_request(certificate, issuing)), certificate, issuing,
                              system_now());
    };
    found.push_back("certificate status is good according OCSP " +
                    ask_in_turn(urls_of(ocsp_endpoint, sources.ocsp), ask, "OCSP responder", "--ocsp-endpoint"));
  }
  return found;
}

}  // namespace everleaf::cli
