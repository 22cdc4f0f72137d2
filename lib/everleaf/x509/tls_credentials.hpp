// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <everleaf/x509/certificate.hpp>
#include <everleaf/x509/private_key.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf {

// A certificate chain (leaf first) and its key.
struct Identity {
  std::vector<Certificate> chain;
  PrivateKey key;

  const Certificate& leaf() const { return chain.front(); }
};

// Throws conflict if the leaf was not made for the key; `source` names both in the error.
void require_matching(const Identity& identity, const std::string& source);

// Whether `key_pem` shows that it is the key of `certificate`: an unencrypted EC key carries its public part (RFC
// 5915), and finding it takes a tenth of the time that parsing the key does. False says nothing, then it has to be
// parsed.
bool visibly_matches(std::string_view key_pem, const Certificate& certificate);

// What one side brings to a TLS handshake: whom it trusts and who it is. Parsed once, used for many connections.
class TlsCredentials {
 public:
  explicit TlsCredentials(const TrustAnchors& roots, std::optional<Identity> identity = std::nullopt);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // Installs both in an SSL_CTX (OpenSSL's, as libcurl's CURLOPT_SSL_CTX_FUNCTION hands it out). Must outlive the
  // connections made with it. Throws crypto.
  void install(void* ssl_ctx);

  // The leaf that the peer showed in the newest handshake, also one that was refused.
  std::optional<Certificate> peer() const;
  // The same with what it sent along.
  const std::vector<Certificate>& peer_chain() const;
  // Whom nobody vouches for is let in all the same: to look at what a server shows, never to send it anything.
  void insecure_accept_anyone();
  // Why it was refused, in OpenSSL's words; empty if it was not.
  const std::string& refusal() const;

 private:
  struct Native;
  std::unique_ptr<Native> native_;
};

}  // namespace everleaf
