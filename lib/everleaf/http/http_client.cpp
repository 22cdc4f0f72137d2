// SPDX-License-Identifier: Apache-2.0
#include <everleaf/http/http_client.hpp>

#include <array>

#include <everleaf/error/error.hpp>
#include <everleaf/http/curl.hpp>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

void append(StringList& list, const std::string& header) {
  list.reset(curl().slist_append(list.release(), header.c_str()));
}

// "https://host:port" of a URL, for errors.
std::string origin_of(const std::string& url) { return url.substr(0, url.find('/', url.find("://") + 3)); }

std::string show(const Certificate& certificate) {
  return "\"" + escape(certificate.common_name()) + "\" for " + list(certificate.names()) + ", issued by \"" +
         escape(certificate.issuer_common_name()) + "\", SHA-256 " + certificate.fingerprint().hex();
}

std::string show(const TrustAnchors& anchors) {
  const auto* system = std::get_if<SystemRoots>(&anchors);
  std::string text = system != nullptr ? "a root that the system trusts" : "";
  for (const auto& root : system != nullptr ? system->others : std::get<std::vector<Certificate>>(anchors))
    text += (text.empty() ? "\"" : ", \"") + escape(root.common_name()) + "\" (" + root.fingerprint().hex() + ")";
  return text.empty() ? "no root at all" : text;
}

// In OpenSSL's words.
bool is_about_time(const std::string& refusal) {
  return refusal.find("expired") != std::string::npos || refusal.find("not yet valid") != std::string::npos;
}

std::string header_in(CURL* handle, const char* name) {
  curl_header* header = nullptr;
  return curl().easy_header(handle, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : "";
}

// Libcurl reads all three forms of a date (RFC 9110, section 5.6.7).
std::optional<Time> parse_date(const std::string& text) {
  const auto seconds = text.empty() ? -1 : curl().getdate(text.c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return Time(std::chrono::seconds(seconds));
}

// RFC 9110, section 10.2.3. Libcurl compares a date with our clock, which may be wrong.
std::optional<std::chrono::seconds> retry_after(CURL* handle, const std::optional<Time>& date) {
  const auto text = header_in(handle, "Retry-After");
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (is_number) return std::chrono::seconds(text.size() < 10 ? std::stol(text) : 1'000'000'000);
  if (const auto when = parse_date(text); when && date) return std::max(*when - *date, std::chrono::seconds(0));
  curl_off_t delay = 0;
  curl().easy_getinfo(handle, CURLINFO_RETRY_AFTER, &delay);
  if (delay <= 0) return std::nullopt;
  return std::chrono::seconds(delay);
}

}  // namespace

struct HttpClient::Native {
  EasyPtr easy{curl().easy_init()};
  MultiPtr multi{curl().multi_init()};
  HttpLimits limits;
  Clock::time_point deadline;
  TrustAnchors roots;
  bool verify = true;
  bool has_identity = false;
  std::optional<TlsCredentials> credentials;  // nothing: in the clear
  std::array<char, CURL_ERROR_SIZE> curl_words{};

  HttpResponse response;
  std::size_t header_bytes = 0;
  bool too_large = false;

  void prepare(const HttpRequest& request, StringList& headers, StringList& addresses);
  CURLcode perform(std::stop_token stop);
  void cancel_if(const std::stop_token& stop, const std::string& origin) const;
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
  native_ = std::make_unique<Native>();
  native_->limits = limits;
  native_->deadline = Clock::now() + limits.time;
  if (std::holds_alternative<InTheClear>(trust)) return;
  native_->verify = !std::holds_alternative<InsecureSkipVerification>(trust);
  if (const auto* roots = std::get_if<TrustRoots>(&trust)) native_->roots = roots->certificates;
  if (std::holds_alternative<SystemRoots>(trust)) native_->roots = SystemRoots{};
  native_->has_identity = identity.has_value();
  native_->credentials.emplace(native_->roots, std::move(identity));
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

void HttpClient::Native::prepare(const HttpRequest& request, StringList& headers, StringList& addresses) {
  CURL* handle = easy.get();
  curl().easy_reset(handle);
  response = {};
  header_bytes = 0;
  const auto left =
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()), limits.request);

  append(headers, "Content-Type: " + request.content_type);
  append(headers, "Expect:");
  if (request.bearer) append(headers, "Authorization: Bearer " + std::string(request.bearer->reveal()));
  curl().easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl().easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  if (request.method == "POST") {
    const auto body = request.body ? request.body->reveal() : std::string_view();
    curl().easy_setopt(handle, CURLOPT_POST, 1L);
    curl().easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl().easy_setopt(handle, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
  }
  if (request.method == "HEAD") curl().easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (!request.connect_to.empty()) {
    append(addresses, "::" + request.connect_to);
    curl().easy_setopt(handle, CURLOPT_CONNECT_TO, addresses.get());
    curl().easy_setopt(handle, CURLOPT_PROXY, "");
  }
  curl().easy_setopt(handle, CURLOPT_USERAGENT, "everleaf/" EVERLEAF_VERSION);
  curl().easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl().easy_setopt(handle, CURLOPT_PROTOCOLS_STR, credentials ? "https" : "http");
  curl().easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  curl().easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl().easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a silent DNS server must not hold up a stop
  curl().easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max<long>(1, left.count()));
  curl().easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  curl().easy_setopt(handle, CURLOPT_ERRORBUFFER, curl_words.data());
  curl().easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
  curl().easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl().easy_setopt(handle, CURLOPT_HEADERFUNCTION, count_header);
  curl().easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl().easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl().easy_setopt(handle, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  curl().easy_setopt(handle, CURLOPT_CAINFO, nullptr);
  curl().easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  if (credentials) {
    curl().easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, install_credentials);
    curl().easy_setopt(handle, CURLOPT_SSL_CTX_DATA, this);
  }
  if (!verify) {
    curl().easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl().easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

// Runs the prepared transfer. A multi handle because only it can be woken from another thread.
CURLcode HttpClient::Native::perform(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { curl().multi_wakeup(multi.get()); });
  curl().multi_add_handle(multi.get(), easy.get());
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  for (int running = 1; running != 0 && !stop.stop_requested();) {
    curl().multi_perform(multi.get(), &running);
    if (running != 0) curl().multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl().multi_info_read(multi.get(), &left))
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  curl().multi_remove_handle(multi.get(), easy.get());
  return result;
}

Error HttpClient::Native::tls_failure(const std::string& origin) const {
  const std::string words = curl_words.data();
  if (words.find("alert") != std::string::npos)
    return Error(ErrorKind::tls, origin + " broke off the TLS handshake: " + escape(words),
                 has_identity ? "our certificate may be expired, not yet valid, or from another CA for this server"
                              : "it may ask for a client certificate, or speak another TLS: "
                                "check that the URL is that of the CA");
  if (!verify || !credentials->peer())
    return Error(ErrorKind::tls, "no TLS with " + origin + ": " + escape(words),
                 "check that the URL is that of the CA");
  const std::string seen = "; seen: " + show(*credentials->peer());
  if (credentials->refusal().empty())
    return Error(ErrorKind::tls, origin + " showed the certificate of another host" + seen,
                 "use a name that the CA's certificate is for, or add this one to \"dnsNames\" of the CA");
  return Error(
      ErrorKind::tls,
      origin + " is not trusted: " + credentials->refusal() + "; expected a certificate under " + show(roots) + seen,
      is_about_time(credentials->refusal())
          ? "a CA renews its own certificate by itself: is the clock here right?"
          : "check that the URL leads to your CA, and its root with \"everleaf ca bootstrap\"");
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
  const std::string words = curl_words[0] != '\0' ? curl_words.data() : curl().easy_strerror(code);
  return Error(ErrorKind::connection, "cannot talk to " + origin + ": " + escape(words),
               "see that it runs, and that its name and port are right");
}

void HttpClient::Native::cancel_if(const std::stop_token& stop, const std::string& origin) const {
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "stopped while talking to " + origin);
}

std::vector<Certificate> HttpClient::peer_chain() const {
  if (!native_->credentials) return {};
  return native_->credentials->peer_chain();
}

Certificate HttpClient::handshake(const HttpRequest& request, std::stop_token stop) {
  const auto origin = origin_of(request.url);
  StringList headers;
  StringList addresses;
  native_->prepare(request, headers, addresses);
  curl().easy_setopt(native_->easy.get(), CURLOPT_CONNECT_ONLY, 1L);
  const CURLcode code = native_->perform(stop);
  native_->cancel_if(stop, origin);
  if (const auto& peer = native_->credentials->peer()) return *peer;
  throw code != CURLE_OK ? native_->failure(code, origin) : Error(ErrorKind::tls, origin + " showed no certificate");
}

HttpResponse HttpClient::send(const HttpRequest& request, std::stop_token stop) {
  const auto origin = origin_of(request.url);
  StringList headers;
  StringList addresses;
  native_->prepare(request, headers, addresses);
  const CURLcode code = native_->perform(stop);
  native_->cancel_if(stop, origin);
  if (code != CURLE_OK) {
    long sent = 0;
    curl().easy_getinfo(native_->easy.get(), CURLINFO_REQUEST_SIZE, &sent);
    auto error = native_->failure(code, origin);
    throw sent == 0 ? error.set_unsent() : error;
  }

  auto& response = native_->response;
  CURL* handle = native_->easy.get();
  curl().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &response.status);
  response.date = parse_date(header_in(handle, "Date"));
  response.location = header_in(handle, "Location");
  response.replay_nonce = header_in(handle, "Replay-Nonce");
  response.retry_after = retry_after(handle, response.date);
  if (response.status >= 300 && response.status < 400)
    throw Error(ErrorKind::answer, origin + " answered with a redirect, which is never followed",
                "step-ca does not redirect: is the URL that of the CA?");
  return std::move(response);
}

}  // namespace everleaf
