// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/http_client.hpp>

#include <curl/curl.h>
#include <malloc.h>
#include <string.h>

#include <array>
#include <cstdlib>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

// libcurl's buffers hold tokens and answers: whatever it frees is overwritten first.
void wiping_free(void* block) {
  if (block != nullptr) explicit_bzero(block, malloc_usable_size(block));
  std::free(block);
}

void* wiping_realloc(void* block, std::size_t size) {
  void* larger = std::malloc(size);
  if (larger == nullptr || block == nullptr) return larger;
  memcpy(larger, block, std::min(size, malloc_usable_size(block)));
  wiping_free(block);
  return larger;
}

void initialise_curl() {
  static const CURLcode once =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, wiping_free, wiping_realloc, strdup, std::calloc);
  if (once != CURLE_OK) throw Error(ErrorKind::connection, "cannot initialise libcurl");
}

template <auto free_function>
struct CurlFree {
  template <typename T>
  void operator()(T* handle) const {
    free_function(handle);
  }
};
using EasyPtr = std::unique_ptr<CURL, CurlFree<curl_easy_cleanup>>;
using MultiPtr = std::unique_ptr<CURLM, CurlFree<curl_multi_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, CurlFree<curl_slist_free_all>>;

void append(HeaderList& list, const std::string& header) {
  list.reset(curl_slist_append(list.release(), header.c_str()));
}

// "https://host:port" of a URL, for errors.
std::string origin_of(const std::string& url) { return url.substr(0, url.find('/', sizeof("https://"))); }

std::string show(const Certificate& certificate) {
  return "\"" + escape(certificate.common_name()) + "\" for " + list(certificate.names()) + ", issued by \"" +
         escape(certificate.issuer_common_name()) + "\", SHA-256 " + certificate.fingerprint().hex();
}

std::string show(const std::vector<Certificate>& roots) {
  std::string text;
  for (const auto& root : roots)
    text += (text.empty() ? "\"" : ", \"") + escape(root.common_name()) + "\" (" + root.fingerprint().hex() + ")";
  return text.empty() ? "no root at all" : text;
}

}  // namespace

struct HttpClient::Native {
  EasyPtr easy{curl_easy_init()};
  MultiPtr multi{curl_multi_init()};
  HttpLimits limits;
  Clock::time_point deadline;
  std::vector<Certificate> roots;
  bool verify = true;
  std::optional<TlsCredentials> credentials;
  std::array<char, CURL_ERROR_SIZE> curl_words{};

  HttpResponse response;
  std::size_t header_bytes = 0;
  bool too_large = false;

  void prepare(const HttpRequest& request, HeaderList& headers);
  CURLcode perform(std::stop_token stop);
  Error failure(CURLcode code, const std::string& origin) const;
  Error tls_failure(const std::string& origin) const;

  static CURLcode install_credentials(CURL*, void* ssl_ctx, void* self) {
    try {
      static_cast<Native*>(self)->credentials->install(ssl_ctx);
      return CURLE_OK;
    } catch (const Error&) {
      return CURLE_SSL_CERTPROBLEM;  // we are called from C; the pair was found to match before
    }
  }

  static std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& native = *static_cast<Native*>(self);
    native.too_large = native.response.body.size() + count > native.limits.body;
    if (native.too_large) return CURL_WRITEFUNC_ERROR;
    native.response.body.append(bytes, count);
    return count;
  }

  static std::size_t count_header(char*, std::size_t, std::size_t count, void* self) {
    auto& native = *static_cast<Native*>(self);
    native.header_bytes += count;
    native.too_large = native.header_bytes > native.limits.headers;
    return native.too_large ? 0 : count;
  }
};

HttpClient::HttpClient(const ServerTrust& trust, std::optional<Identity> identity, HttpLimits limits) {
  initialise_curl();
  native_ = std::make_unique<Native>();
  native_->limits = limits;
  native_->deadline = Clock::now() + limits.time;
  if (const auto* trusted = std::get_if<TrustRoots>(&trust)) native_->roots = trusted->certificates;
  native_->verify = std::holds_alternative<TrustRoots>(trust);
  if (native_->verify) native_->credentials.emplace(native_->roots, std::move(identity));
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

void HttpClient::Native::prepare(const HttpRequest& request, HeaderList& headers) {
  CURL* handle = easy.get();
  curl_easy_reset(handle);
  response = {};
  header_bytes = 0;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());

  append(headers, "Content-Type: application/json");
  append(headers, "Expect:");
  if (request.bearer) append(headers, "Authorization: Bearer " + std::string(request.bearer->reveal()));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  if (request.method == "POST") {
    const auto body = request.json ? request.json->reveal() : std::string_view();
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
  }
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "everleaf/" EVERLEAF_VERSION);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a silent DNS server must not hold up a stop
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max<long>(1, left.count()));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, curl_words.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, count_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(handle, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  curl_easy_setopt(handle, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  if (verify) {
    curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, install_credentials);
    curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, this);
  } else {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

// Runs the prepared transfer. A multi handle because only it can be woken from another thread.
CURLcode HttpClient::Native::perform(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi.get()); });
  curl_multi_add_handle(multi.get(), easy.get());
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  for (int running = 1; running != 0 && !stop.stop_requested();) {
    curl_multi_perform(multi.get(), &running);
    if (running != 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left))
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  curl_multi_remove_handle(multi.get(), easy.get());
  return result;
}

Error HttpClient::Native::tls_failure(const std::string& origin) const {
  const std::string words = curl_words.data();
  if (words.find("alert") != std::string::npos)
    return Error(ErrorKind::tls, origin + " broke off the TLS handshake: " + escape(words),
                 "our certificate may be expired, not yet valid, or from another CA for this server");
  if (!credentials || !credentials->peer())
    return Error(ErrorKind::tls, "no TLS with " + origin + ": " + escape(words));
  const std::string seen = "; seen: " + show(*credentials->peer());
  if (credentials->refusal().empty())
    return Error(ErrorKind::tls, origin + " showed the certificate of another host" + seen,
                 "use a name that the CA's certificate is for, or add this one to \"dnsNames\" of the CA");
  return Error(
      ErrorKind::tls,
      origin + " is not trusted: " + credentials->refusal() + "; expected a certificate under " + show(roots) + seen,
      "check that the URL leads to your CA, and its root with \"everleaf ca bootstrap\"");
}

Error HttpClient::Native::failure(CURLcode code, const std::string& origin) const {
  switch (code) {
    case CURLE_WRITE_ERROR:
      if (too_large) return Error(ErrorKind::answer, "the answer of " + origin + " is unreasonably large");
      break;
    case CURLE_OPERATION_TIMEDOUT:
      return Error(ErrorKind::timed_out, "no answer from " + origin + " in time: " + escape(curl_words.data()));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER: return tls_failure(origin);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:  // TLS 1.3: a refusal of our certificate arrives after the handshake
      if (std::string_view(curl_words.data()).find("alert") != std::string_view::npos) return tls_failure(origin);
      break;
    default: break;
  }
  const std::string words = curl_words[0] != '\0' ? curl_words.data() : curl_easy_strerror(code);
  return Error(ErrorKind::connection, "cannot talk to " + origin + ": " + escape(words));
}

HttpResponse HttpClient::send(const HttpRequest& request, std::stop_token stop) {
  const auto origin = origin_of(request.url);
  HeaderList headers;
  native_->prepare(request, headers);
  const CURLcode code = native_->perform(stop);
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped while talking to " + origin);
  if (code != CURLE_OK) throw native_->failure(code, origin);

  auto& response = native_->response;
  CURL* handle = native_->easy.get();
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  curl_off_t delay = 0;
  curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &delay);
  if (delay > 0) response.retry_after = std::chrono::seconds(delay);
  if (response.status >= 300 && response.status < 400)
    throw Error(ErrorKind::answer, origin + " answered with a redirect, which is never followed",
                "step-ca does not redirect: is the URL that of the CA?");
  return std::move(response);
}

}  // namespace everleaf
