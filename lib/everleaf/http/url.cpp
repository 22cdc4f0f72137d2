// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/url.hpp>

#include <arpa/inet.h>

#include <cctype>

#include <everleaf/error/error.hpp>
#include <everleaf/http/curl.hpp>

namespace everleaf {
namespace {

using UrlPtr = std::unique_ptr<CURLU, CurlFree<&Curl::url_cleanup>>;

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl().url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string result = text;
  curl().free(text);
  return result;
}

// Nothing if it is none, or has a part that is not wanted.
UrlPtr parse_url(const std::string& full, std::initializer_list<CURLUPart> unwanted) {
  UrlPtr url(curl().url());
  if (curl().url_set(url.get(), CURLUPART_URL, full.c_str(), 0) != CURLUE_OK) return nullptr;
  for (const auto which : unwanted)
    if (!part(url.get(), which).empty()) return nullptr;
  return url;
}

// Never a password.
std::string shown(std::string_view text) {
  return text.find('@') == std::string_view::npos ? "\"" + escape(text) + "\"" : "what has a user and a password";
}

// RFC 5735: 127.0.0.0/8; an IPv6 host is in brackets.
bool is_loopback(const std::string& host) {
  in_addr address{};
  if (::inet_pton(AF_INET, host.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  return host == "[::1]";
}

bool is_bare_ipv6(std::string_view text) {
  return text.find("://") == std::string_view::npos && text.find('[') == std::string_view::npos &&
         text.find(':') != text.rfind(':');
}

}  // namespace

HttpsUrl HttpsUrl::parse(std::string_view text) {
  if (text.find('@') != std::string_view::npos)  // also where nothing else is right, so that it is never shown
    throw Error(ErrorKind::usage, "the URL of a CA has no user and no password");
  std::string full(text);
  if (is_bare_ipv6(text)) full = "[" + full + "]";
  if (full.find("://") == std::string::npos) full = "https://" + full;

  const UrlPtr url(curl().url());
  if (text.empty() || curl().url_set(url.get(), CURLUPART_URL, full.c_str(), 0) != CURLUE_OK ||
      part(url.get(), CURLUPART_SCHEME) != "https")
    throw Error(ErrorKind::usage, "\"" + escape(text) + "\" is not the URL of a CA",
                "it looks like https://ca.internal:9443");

  HttpsUrl result;
  result.host_ = part(url.get(), CURLUPART_HOST);
  const auto port = part(url.get(), CURLUPART_PORT);
  result.origin_ = "https://" + result.host_ + (port.empty() ? "" : ":" + port);
  if (result.host_.starts_with('[')) result.host_ = result.host_.substr(1, result.host_.size() - 2);
  return result;
}

Endpoint Endpoint::parse(std::string_view text) {
  const auto url = parse_url("https://" + std::string(text), {CURLUPART_USER, CURLUPART_QUERY, CURLUPART_FRAGMENT});
  Endpoint result;
  if (url) result.host_ = part(url.get(), CURLUPART_HOST);
  if (url) result.port_ = part(url.get(), CURLUPART_PORT);
  result.text_ = result.host_ + ":" + result.port_;
  if (result.host_.empty() || result.port_.empty() || text != result.text_)
    throw Error(ErrorKind::usage, shown(text) + " is not a host and a port", "it looks like backend.internal:443");
  return result;
}

bool Endpoint::is_address() const {
  in_addr address{};
  return host_.starts_with('[') || ::inet_pton(AF_INET, host_.c_str(), &address) == 1;
}

LoopbackUrl LoopbackUrl::parse(std::string_view text) {
  const auto url = parse_url(std::string(text), {CURLUPART_USER, CURLUPART_FRAGMENT});
  if (!url || part(url.get(), CURLUPART_SCHEME) != "http" || part(url.get(), CURLUPART_PORT).empty() ||
      !is_loopback(part(url.get(), CURLUPART_HOST)))
    throw Error(ErrorKind::usage, shown(text) + " is not a place on this host",
                "it looks like http://127.0.0.1:9181/everleaf");
  LoopbackUrl result;
  result.text_ = part(url.get(), CURLUPART_URL);
  return result;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return encoded;
}

}  // namespace everleaf
