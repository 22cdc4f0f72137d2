// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/tls_credentials.hpp>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include <everleaf/x509/trust_store.hpp>

namespace everleaf {

void require_matching(const Identity& identity, const std::string& source) {
  if (identity.leaf().is_for(identity.key)) return;
  throw Error(ErrorKind::conflict, source + " do not match: the certificate was made for another key",
              "get a new pair with \"everleaf ca certificate --force\", or put the matching key back");
}

bool visibly_matches(std::string_view key_pem, const Certificate& certificate) {
  const auto bio = read_bio(key_pem);
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  const bool decoded = PEM_read_bio(bio.get(), &label, &header, &der, &size) == 1;
  ERR_clear_error();
  if (!decoded) return false;
  const auto* public_key = X509_get0_pubkey_bitstr(certificate.native());
  const auto length = static_cast<std::size_t>(ASN1_STRING_length(public_key));
  const bool matches =
      std::string_view(label).ends_with("PRIVATE KEY") && length > 0 &&
      memmem(der, static_cast<std::size_t>(size), ASN1_STRING_get0_data(public_key), length) != nullptr;
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return matches;
}

struct TlsCredentials::Native {
  StorePtr roots{X509_STORE_new()};
  std::optional<Identity> identity;
  std::vector<Certificate> peer_chain;
  std::string refusal;
  bool accept_anyone = false;

  static int verify(X509_STORE_CTX* context, void* self) {
    auto& native = *static_cast<Native*>(self);
    const int verdict = X509_verify_cert(context);
    try {
      native.peer_chain = {Certificate::from_native(X509_STORE_CTX_get0_cert(context))};
      const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
      for (int i = 0; i < sk_X509_num(sent); ++i)
        if (auto next = Certificate::from_native(sk_X509_value(sent, i)); i != 0 || next != native.peer_chain.front())
          native.peer_chain.push_back(std::move(next));
      native.refusal = verdict == 1 ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    } catch (const std::exception& error) {  // we are called from C; a peer that cannot be shown is still judged
      native.refusal = error.what();
      return 0;
    }
    return native.accept_anyone ? 1 : verdict;
  }
};

TlsCredentials::TlsCredentials(const TrustAnchors& roots, std::optional<Identity> identity)
    : native_(std::make_unique<Native>()) {
  fill(native_->roots.get(), roots);
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

std::optional<Certificate> TlsCredentials::peer() const {
  return native_->peer_chain.empty() ? std::nullopt : std::optional(native_->peer_chain.front());
}

const std::vector<Certificate>& TlsCredentials::peer_chain() const { return native_->peer_chain; }
void TlsCredentials::insecure_accept_anyone() { native_->accept_anyone = true; }
const std::string& TlsCredentials::refusal() const { return native_->refusal; }

}  // namespace everleaf
