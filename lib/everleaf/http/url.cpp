// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/url.hpp>

#include <curl/curl.h>

#include <memory>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

struct UrlCleanup {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlPtr = std::unique_ptr<CURLU, UrlCleanup>;

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
  std::string result = text;
  curl_free(text);
  return result;
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

  const UrlPtr url(curl_url());
  if (text.empty() || curl_url_set(url.get(), CURLUPART_URL, full.c_str(), 0) != CURLUE_OK ||
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

}  // namespace everleaf
