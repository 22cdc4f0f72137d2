// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <everleaf/x509/verify.hpp>

namespace everleaf {

// A server that speaks TLS from its first byte: "https://", "tls://" and "tcp://" (port 443), "smtps://" (465),
// "ldaps://" (636); a path is dropped.
struct TlsServer {
  std::string host;  // an IPv6 address without brackets
  int port = 443;

  // Nothing if `text` begins with none of these; throws usage if what follows is no host.
  static std::optional<TlsServer> parse(std::string_view text);
};

struct PeerCheck {
  TrustAnchors roots = SystemRoots{};
  bool insecure_accept_anyone = false;
  std::string server_name;  // for SNI and the check of the name; empty: the host
};

// The certificates that `server` shows in a handshake, its own first; nothing is sent. Within 10 s. Throws connection,
// timed_out, or tls naming the host.
std::vector<Certificate> fetch_peer_chain(const TlsServer& server, const PeerCheck& check);

}  // namespace everleaf
