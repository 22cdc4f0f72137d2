// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/tls_peer.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/http/curl.hpp>
#include <everleaf/x509/tls_credentials.hpp>
#include <everleaf/x509/verify.hpp>

namespace everleaf {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 5> schemes{
    {{"https://", 443}, {"tls://", 443}, {"tcp://", 443}, {"smtps://", 465}, {"ldaps://", 636}}};

constexpr long time_for_handshake = 10'000;  // milliseconds

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

std::string show(const TlsServer& server) { return bracketed(server.host) + ":" + std::to_string(server.port); }

struct Handshake {
  TlsCredentials credentials;

  static CURLcode install(CURL*, void* ssl_ctx, void* self) {
    try {
      static_cast<Handshake*>(self)->credentials.install(ssl_ctx);
      return CURLE_OK;
    } catch (const Error&) {  // we are called from C
      return CURLE_SSL_CERTPROBLEM;
    }
  }
};

Error failure(CURLcode code, const TlsServer& server, const std::string& name, const Handshake& handshake,
              const std::string& words) {
  const auto doing = "cannot get the certificates of " + show(server);
  if (!handshake.credentials.refusal().empty())
    return Error(ErrorKind::tls, doing + ": it is not trusted: " + handshake.credentials.refusal(),
                 "name its root with --roots, or look at it all the same with --insecure");
  if (code == CURLE_PEER_FAILED_VERIFICATION && handshake.credentials.peer())
    return Error(
        ErrorKind::tls,
        doing + ": its certificate is for " + list(handshake.credentials.peer()->names()) + ", not for " + escape(name),
        "give one of these names with --servername, or --insecure");
  if (code == CURLE_OPERATION_TIMEDOUT) return Error(ErrorKind::timed_out, doing + ": no answer in time");
  const bool tls = code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
  return Error(tls ? ErrorKind::tls : ErrorKind::connection, doing + ": " + escape(words));
}

}  // namespace

std::optional<TlsServer> TlsServer::parse(std::string_view text) {
  const auto scheme =
      std::find_if(schemes.begin(), schemes.end(), [&](const auto& one) { return lower(text).starts_with(one.first); });
  if (scheme == schemes.end()) return std::nullopt;
  const Error nonsense(ErrorKind::usage, "\"" + escape(text) + "\" does not name a server", "as https://host:port");
  auto rest = text.substr(scheme->first.size());
  rest = rest.substr(0, rest.find_first_of("/?#"));
  TlsServer server{.host = {}, .port = scheme->second};
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) throw nonsense;
    server.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const auto colon = std::min(rest.find(':'), rest.size());
    server.host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (!port.empty()) {
    const auto [stop, error] = std::from_chars(port.data() + 1, port.data() + port.size(), server.port);
    if (port[0] != ':' || error != std::errc{} || stop != port.data() + port.size() || server.port < 1 ||
        server.port > 65535)
      throw nonsense;
  }
  if (!is_host(server.host)) throw nonsense;
  return server;
}

std::vector<Certificate> fetch_peer_chain(const TlsServer& server, const PeerCheck& check) {
  Handshake handshake{TlsCredentials(check.roots)};
  if (check.insecure_accept_anyone) handshake.credentials.insecure_accept_anyone();
  const auto name = check.server_name.empty() ? server.host : check.server_name;
  const auto url = "https://" + bracketed(name) + ":" + std::to_string(server.port);
  const auto route = bracketed(name) + ":" + std::to_string(server.port) + ":" + show(server);
  const StringList connect_to(curl().slist_append(nullptr, route.c_str()));
  std::array<char, CURL_ERROR_SIZE> words{};

  const EasyPtr easy(curl().easy_init());
  CURL* handle = easy.get();
  curl().easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl().easy_setopt(handle, CURLOPT_CONNECT_TO, connect_to.get());
  curl().easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
  curl().easy_setopt(handle, CURLOPT_PROXY, "");  // what answers must be the server itself
  curl().easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl().easy_setopt(handle, CURLOPT_TIMEOUT_MS, time_for_handshake);
  curl().easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
  curl().easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl().easy_setopt(handle, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl().easy_setopt(handle, CURLOPT_CAINFO, nullptr);
  curl().easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  curl().easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, Handshake::install);
  curl().easy_setopt(handle, CURLOPT_SSL_CTX_DATA, &handshake);
  if (check.insecure_accept_anyone) {
    curl().easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl().easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  auto code = curl().easy_perform(handle);
  const auto& chain = handshake.credentials.peer_chain();  // libcurl takes a common name for a server's name
  if (code == CURLE_OK && !check.insecure_accept_anyone &&
      (chain.empty() || !reasons_against_host(chain.front(), name).empty()))
    code = CURLE_PEER_FAILED_VERIFICATION;
  if (code != CURLE_OK)
    throw failure(code, server, name, handshake, words[0] != '\0' ? words.data() : curl().easy_strerror(code));
  return chain;
}

}  // namespace everleaf
