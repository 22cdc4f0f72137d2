// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include <everleaf/http/url.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// What a proxy, as a client, showed to a server of its own (docs/nginx.md): the answer of its echo location.
struct Echo {
  std::string serial;  // hex, as nginx's $ssl_client_serial; somebody else's text
  std::string sha1;    // $ssl_client_fingerprint
  pid_t worker = 0;    // that showed it; 0: not told
};

// Nothing if the answer is none of an echo location: "SERIAL SHA1 [WORKER]".
std::optional<Echo> parse_echo(std::string_view answer);

// Throws what HttpClient throws, and answer for what is no echo.
Echo ask_echo(const LoopbackUrl& url, std::chrono::milliseconds limit, std::stop_token stop);

// What is wrong with it if `leaf` should have been shown, by a worker that was not started before `reloaded`
// (time_since_boot(); nothing: any worker will do). Nothing if all is well.
std::optional<std::string> objection(const Echo& echo, const Certificate& leaf,
                                     std::optional<std::chrono::milliseconds> reloaded);

}  // namespace everleaf
