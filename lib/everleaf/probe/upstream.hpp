// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include <everleaf/http/url.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// How an upstream takes a client certificate. It refuses one by breaking off TLS, or by 400, 401, 403, 495 or 496:
// nginx completes the handshake and answers 400. No connection and no answer in time say nothing.
enum class Welcome { given, refused, unknown };

struct Reception {
  Welcome welcome = Welcome::unknown;
  std::string words{};  // of the refusal
};

// Sends `HEAD /` with this pair. Who the upstream is is not checked: its answer is only compared with that to another
// pair. Throws cancelled.
Reception ask_upstream(const Endpoint& upstream, const Identity& identity, std::stop_token stop);

}  // namespace everleaf
