// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/check.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf {
namespace {

using Reasons = std::vector<std::string>;

// What step-ca signs for TLS peers; a leaf without any may be used for everything (RFC 5280, section 4.2.1.12).
constexpr std::string_view server_authentication = "1.3.6.1.5.5.7.3.1";
constexpr std::string_view client_authentication = "1.3.6.1.5.5.7.3.2";

bool is_for_tls(const std::vector<std::string>& usages) {
  return usages.empty() || std::any_of(usages.begin(), usages.end(), [](const std::string& usage) {
           return usage == server_authentication || usage == client_authentication;
         });
}

void check_leaf(const Certificate& leaf, const std::vector<Name>& expected, Reasons& reasons) {
  if (leaf.is_authority()) reasons.emplace_back("it is the certificate of a CA");
  if (!is_for_tls(leaf.extended_key_usages())) reasons.emplace_back("it is not for TLS");
  const auto names = leaf.names();
  if (!std::all_of(expected.begin(), expected.end(),
                   [&](const Name& name) { return std::find(names.begin(), names.end(), name) != names.end(); }))
    reasons.push_back("it has other names: asked for " + list(expected) + ", got " + list(names));
}

void check_dates(const Validity& validity, std::optional<std::chrono::seconds> lifetime, Time now, Reasons& reasons) {
  if (validity.not_after <= now) reasons.push_back("it expired at " + format_time(validity.not_after));
  if (validity.not_before > now + clock_skew_allowance)
    reasons.push_back("it is valid only from " + format_time(validity.not_before));
  if (lifetime && validity.lifetime() < *lifetime)
    reasons.push_back("it is shorter than asked: " + format_duration(validity.lifetime()) + " instead of " +
                      format_duration(*lifetime));
}

void check_replacement(const Certificate& leaf, const Certificate& replaced, Reasons& reasons) {
  if (leaf.names() != replaced.names() || leaf.common_name() != replaced.common_name())
    reasons.push_back("it has other names than the one it replaces: " + list(leaf.names()) + " instead of " +
                      list(replaced.names()));
  if (leaf.extended_key_usages() != replaced.extended_key_usages())
    reasons.emplace_back("it has other usages than the one it replaces");
  if (leaf == replaced) reasons.emplace_back("it is the very one that was to be replaced");
  if (leaf.validity().not_after < replaced.validity().not_after)  // equal: renewed within a second
    reasons.emplace_back("it ends before the one it replaces");
}

void check_order(const std::vector<Certificate>& chain, Reasons& reasons) {
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    if (!chain[i].may_be_issued_by(chain[i + 1])) {
      reasons.emplace_back("its chain is not in order");
      return;
    }
}

void check_chain(const std::vector<Certificate>& chain, const TrustAnchors& roots, Time now, Reasons& reasons) {
  check_order(chain, reasons);
  // The leaf's own dates are looked at elsewhere: the chain is judged within them.
  const auto validity = chain.front().validity();
  const auto last_good = std::max(validity.not_before, validity.not_after - std::chrono::seconds(1));
  const auto at = std::clamp(now, validity.not_before, last_good);
  for (const auto& reason : reasons_against_chain(chain, roots, at))
    reasons.push_back("its chain does not lead to a trusted root: " + reason);
}

void require_none(const Reasons& reasons) {
  if (reasons.empty()) return;
  std::string all;
  for (const auto& reason : reasons) all += (all.empty() ? "" : "; ") + reason;
  throw Error(ErrorKind::wrong_certificate, "the CA issued something else than asked for: " + all,
              "nothing was changed; look at the CA's templates, its clock and its roots");
}

}  // namespace

Reasons reasons_against(const std::vector<Certificate>& chain, const ExpectedCertificate& expected,
                        const TrustAnchors& roots, Time now) {
  if (chain.empty()) return {"there is no certificate"};
  Reasons reasons;
  if (!chain.front().is_for(expected.key)) reasons.emplace_back("it was made for another key");
  check_leaf(chain.front(), expected.names, reasons);
  check_dates(chain.front().validity(), expected.lifetime, now, reasons);
  if (expected.replaces) check_replacement(chain.front(), *expected.replaces, reasons);
  check_chain(chain, roots, now, reasons);
  return reasons;
}

Identity accept(std::vector<Certificate> chain, const ExpectedCertificate& expected, const TrustAnchors& roots,
                Time now) {
  require_none(reasons_against(chain, expected, roots, now));
  return {std::move(chain), expected.key};
}

std::vector<Certificate> accept(std::vector<Certificate> chain, const CertificateRequest& request,
                                std::optional<std::chrono::seconds> lifetime, const TrustAnchors& roots, Time now) {
  Reasons reasons;
  if (chain.front().public_key() != request.public_key()) reasons.emplace_back("it was made for another key");
  check_leaf(chain.front(), request.names(), reasons);
  check_dates(chain.front().validity(), lifetime, now, reasons);
  check_chain(chain, roots, now, reasons);
  require_none(reasons);
  return chain;
}

}  // namespace everleaf
