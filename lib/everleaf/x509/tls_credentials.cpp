// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/tls_credentials.hpp>

#include <openssl/ssl.h>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {

void require_matching(const Identity& identity, const std::string& source) {
  if (identity.leaf().is_for(identity.key)) return;
  throw Error(ErrorKind::conflict, source + " do not match: the certificate was made for another key",
              "get a new pair with \"everleaf ca certificate --force\", or put the matching key back");
}

struct TlsCredentials::Native {
  StorePtr roots{X509_STORE_new()};
  std::optional<Identity> identity;
  std::optional<Certificate> peer;
  std::string refusal;

  static int verify(X509_STORE_CTX* context, void* self) {
    auto& native = *static_cast<Native*>(self);
    const int verdict = X509_verify_cert(context);
    try {
      native.peer = Certificate::from_native(X509_STORE_CTX_get0_cert(context));
      native.refusal = verdict == 1 ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    } catch (const std::exception& error) {  // we are called from C; a peer that cannot be shown is still judged
      native.refusal = error.what();
      return 0;
    }
    return verdict;
  }
};

TlsCredentials::TlsCredentials(const std::vector<Certificate>& roots, std::optional<Identity> identity)
    : native_(std::make_unique<Native>()) {
  for (const auto& root : roots) X509_STORE_add_cert(native_->roots.get(), root.native());
  native_->identity = std::move(identity);
}

TlsCredentials::~TlsCredentials() = default;

void TlsCredentials::install(void* ssl_ctx) {
  auto* context = static_cast<SSL_CTX*>(ssl_ctx);
  SSL_CTX_set1_cert_store(context, native_->roots.get());
  SSL_CTX_set_cert_verify_callback(context, Native::verify, native_.get());
  // A resumed session would keep the identity of the first handshake (step-ca renewed A when B was presented).
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!native_->identity) return;
  const auto& [chain, key] = *native_->identity;
  require(SSL_CTX_use_certificate(context, chain.front().native()) == 1, "cannot use the client certificate");
  for (std::size_t i = 1; i < chain.size(); ++i)
    require(SSL_CTX_add1_chain_cert(context, chain[i].native()) == 1, "cannot use the client certificate's chain");
  require(SSL_CTX_use_PrivateKey(context, key.native()) == 1, "cannot use the client key");
}

const std::optional<Certificate>& TlsCredentials::peer() const { return native_->peer; }
const std::string& TlsCredentials::refusal() const { return native_->refusal; }

}  // namespace everleaf
