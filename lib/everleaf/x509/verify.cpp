// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/verify.hpp>

#include <algorithm>

#include <everleaf/x509/revocation.hpp>
#include <everleaf/x509/trust_store.hpp>

namespace everleaf {

std::vector<std::string> reasons_against_chain(const std::vector<Certificate>& chain, const TrustAnchors& roots,
                                               Time now) {
  if (chain.empty()) return {"there is no certificate"};
  const StorePtr store(X509_STORE_new());
  fill(store.get(), roots);

  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(untrusted.get(), chain[i].native());

  const StoreCtxPtr context(X509_STORE_CTX_new());
  require(X509_STORE_CTX_init(context.get(), store.get(), chain[0].native(), untrusted.get()) == 1,
          "cannot prepare to verify a chain");
  X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), 1);  // no SHA-1, no MD5
  if (X509_verify_cert(context.get()) == 1) return {};

  ERR_clear_error();
  const int code = X509_STORE_CTX_get_error(context.get());
  std::string reason = X509_verify_cert_error_string(code);
  if (X509* at = X509_STORE_CTX_get_current_cert(context.get())) {
    reason += " (at \"" + escape(Certificate::from_native(at).common_name()) + "\")";
  }
  return {reason};
}

std::optional<Certificate> root_of(const std::vector<Certificate>& chain, const std::vector<Certificate>& roots,
                                   Time now) {
  const auto root = std::find_if(roots.begin(), roots.end(), [&](const Certificate& one) {
    return is_issued_by(one, one) && reasons_against_chain(chain, std::vector{one}, now).empty();
  });
  if (root == roots.end()) return std::nullopt;
  return *root;
}

std::vector<std::string> reasons_against_host(const Certificate& certificate, const std::string& host) {
  const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const auto bare = in_brackets ? host.substr(1, host.size() - 2) : host.substr(0, host.size() - host.ends_with('.'));
  const auto name = Name::classify(bare);
  X509* native = certificate.native();
  const int fits =
      name.kind == Name::Kind::ip
          ? X509_check_ip_asc(native, name.value.c_str(), 0)
          : X509_check_host(native, bare.data(), bare.size(),
                            X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr);
  ERR_clear_error();
  if (fits == 1) return {};
  return {"the certificate is for " + list(certificate.names()) + ", not for " + escape(host)};
}

}  // namespace everleaf
