// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/verify.hpp>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {

std::vector<std::string> reasons_against_chain(const std::vector<Certificate>& chain,
                                               const std::vector<Certificate>& roots, Time now) {
  if (chain.empty()) return {"there is no certificate"};
  const StorePtr store(X509_STORE_new());
  for (const auto& root : roots) X509_STORE_add_cert(store.get(), root.native());

  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (std::size_t i = 1; i < chain.size(); ++i) sk_X509_push(untrusted.get(), chain[i].native());

  const StoreCtxPtr context(X509_STORE_CTX_new());
  require(X509_STORE_CTX_init(context.get(), store.get(), chain[0].native(), untrusted.get()) == 1,
          "cannot prepare to verify a chain");
  X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
  if (X509_verify_cert(context.get()) == 1) return {};

  ERR_clear_error();
  const int code = X509_STORE_CTX_get_error(context.get());
  std::string reason = X509_verify_cert_error_string(code);
  if (X509* at = X509_STORE_CTX_get_current_cert(context.get())) {
    reason += " (at \"" + escape(Certificate::from_native(at).common_name()) + "\")";
  }
  return {reason};
}

}  // namespace everleaf
