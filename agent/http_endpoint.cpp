// SPDX-License-Identifier: Apache-2.0
#include "agent/http_endpoint.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <utility>

#include <everleaf/error/error.hpp>

namespace everleaf::agent {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;

namespace {

constexpr std::size_t longest_request = 8 << 10;
constexpr std::chrono::seconds time_to_ask{5};
constexpr std::chrono::seconds time_to_take{10};
constexpr std::chrono::seconds pause_without_descriptors{1};
constexpr unsigned local_connections = 64;
constexpr unsigned tcp_connections = 16;

HttpAnswer refusal(unsigned status, const std::string& why) {
  return {status, "application/json", "{\"error\":\"" + why + "\"}\n"};
}

std::optional<uid_t> peer_of(Protocol::socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// A page of the web may have its own name lead to our address: then that name is what the browser says.
bool is_ours(std::string host) {
  if (host.starts_with('[')) return host.find(']') != std::string::npos;
  host.resize(std::min(host.find(':'), host.size()));
  error_code no_address;
  asio::ip::make_address_v4(host, no_address);
  return !no_address || beast::iequals(host, "localhost") || beast::iequals(host, host_name());
}

}  // namespace

struct HttpEndpoint::Listener : std::enable_shared_from_this<Listener> {
  Listener(asio::io_context& loop, const Protocol& protocol, std::function<HttpAnswer(const HttpCall&)> handler,
           unsigned connections)
      : acceptor(loop, protocol), pause(loop), answer(std::move(handler)), room(connections) {}

  void accept();
  void close() {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  }

  asio::basic_socket_acceptor<Protocol> acceptor;
  asio::steady_timer pause;
  std::function<HttpAnswer(const HttpCall&)> answer;
  unsigned room;  // for so many connections more
  bool is_local = acceptor.local_endpoint().protocol().family() == AF_UNIX;
};

namespace {

// One request and its answer; lives for as long as something of it is under way.
template <typename Listener>
class Connection : public std::enable_shared_from_this<Connection<Listener>> {
 public:
  Connection(Protocol::socket socket, std::shared_ptr<Listener> listener)
      : listener_(std::move(listener)), stream_(std::move(socket)) {
    parser_.header_limit(longest_request);
    parser_.body_limit(0);
  }
  Connection(const Connection&) = delete;
  ~Connection() {
    if (listener_->room++ == 0) listener_->accept();
  }

  void start() {
    stream_.expires_after(time_to_ask);
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = this->shared_from_this()](const error_code& error, std::size_t) { self->answer(error); });
  }

 private:
  void answer(const error_code& error) {
    if (!error) return send(judge());
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return send(refusal(431, "the request is too large"));
    if (error == http::error::body_limit) return send(refusal(413, "no request has a body here"));
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
      return send(refusal(400, "this is not HTTP/1.1"));
  }  // else it went away or was too slow

  bool is_head() const { return parser_.get().method() == http::verb::head; }

  HttpAnswer judge() {
    const auto& request = parser_.get();
    const bool reads = request.method() == http::verb::get || is_head();
    if (!reads && request.method() != http::verb::post) return refusal(405, "only GET, HEAD and POST are known");
    if (request.count(http::field::host) > 1) return refusal(400, "there is more than one Host");
    if (parser_.chunked() || parser_.content_length().value_or(0) > 0)
      return refusal(413, "no request has a body here");
    const std::string target(request.target());
    HttpCall call{reads ? "GET" : "POST", target.substr(0, target.find('?')), std::nullopt};
    if (listener_->is_local) {
      call.peer = peer_of(stream_.socket());
    } else {
      if (!reads) return refusal(403, "over TCP nothing can be changed");
      if (!is_ours(std::string(request[http::field::host]))) return refusal(421, "this is not our name");
    }
    return listener_->answer(call);
  }

  void send(HttpAnswer answer) {
    response_.version(11);
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.type);
    response_.keep_alive(false);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (is_head()) response_.body().clear();  // its length stays said
    stream_.expires_after(time_to_take);
    http::async_write(stream_, response_, [self = this->shared_from_this()](const error_code&, std::size_t) {
      error_code ignored;
      self->stream_.socket().shutdown(Protocol::socket::shutdown_send, ignored);
    });
  }

  std::shared_ptr<Listener> listener_;
  beast::basic_stream<Protocol> stream_;
  beast::flat_buffer buffer_{longest_request};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

// Whether somebody listens at the socket that is there already.
bool is_live(const Protocol::endpoint& endpoint) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused = ::connect(probe, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
                       (errno == ECONNREFUSED || errno == ENOENT);
  ::close(probe);
  return !refused;
}

void remove_stale(const std::filesystem::path& socket, const Protocol::endpoint& endpoint) {
  struct stat status {};
  if (::lstat(socket.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode))
    throw Error(ErrorKind::conflict, "cannot listen at " + socket.string() + ": it is there and no socket");
  if (is_live(endpoint))
    throw Error(ErrorKind::conflict, "cannot listen at " + socket.string() + ": somebody else does",
                "another everleafd runs with the same [paths] socket");
  ::unlink(socket.c_str());
}

template <typename Acceptor>
void bind_and_listen(Acceptor& acceptor, const Protocol::endpoint& endpoint, const std::string& where) {
  error_code error;
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(SOMAXCONN, error);
  if (!error) return;
  throw Error(ErrorKind::storage, "cannot listen at " + where + ": " + error.message(),
              error == asio::error::address_in_use ? "\"ss -ltnp\" shows who listens there" : "");
}

}  // namespace

// Without room it goes on when a connection ends.
void HttpEndpoint::Listener::accept() {
  if (room == 0 || !acceptor.is_open()) return;
  acceptor.async_accept([self = shared_from_this()](const error_code& error, Protocol::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) {  // no descriptors are left
      self->pause.expires_after(pause_without_descriptors);
      return self->pause.async_wait([self](const error_code& stopped) {
        if (!stopped) self->accept();
      });
    }
    --self->room;
    std::make_shared<Connection<Listener>>(std::move(socket), self)->start();
    self->accept();
  });
}

HttpEndpoint::HttpEndpoint(asio::io_context& loop, std::function<HttpAnswer(const HttpCall&)> answer)
    : loop_(loop), answer_(std::move(answer)) {}

HttpEndpoint::~HttpEndpoint() {
  for (const auto& listener : listeners_) listener->close();
  if (!socket_.empty()) ::unlink(socket_.c_str());
}

void HttpEndpoint::listen(const std::filesystem::path& socket) {
  if (socket.native().size() >= sizeof(sockaddr_un::sun_path))
    throw Error(ErrorKind::configuration, "cannot listen at " + socket.string() + ": the path is too long",
                "choose a shorter [paths] socket");
  const asio::local::stream_protocol::endpoint endpoint(socket.string());
  remove_stale(socket, endpoint);
  auto listener =
      std::make_shared<Listener>(loop_, Protocol(asio::local::stream_protocol()), answer_, local_connections);
  bind_and_listen(listener->acceptor, endpoint, socket.string());
  socket_ = socket;
  if (::chmod(socket.c_str(), 0660) != 0) throw system_error("cannot set the mode of " + socket.string(), errno);
  listener->accept();
  listeners_.push_back(std::move(listener));
}

void HttpEndpoint::listen(const ListenAddress& address) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address.address), address.port);
  const auto where = address.address + ":" + std::to_string(address.port);
  std::shared_ptr<Listener> listener;
  try {
    listener = std::make_shared<Listener>(loop_, Protocol(endpoint.protocol()), answer_, tcp_connections);
  } catch (const boost::system::system_error& error) {  // a host without IPv6
    throw Error(ErrorKind::storage, "cannot listen at " + where + ": " + error.code().message());
  }
  listener->acceptor.set_option(asio::socket_base::reuse_address(true));
  bind_and_listen(listener->acceptor, endpoint, where);
  listener->accept();
  listeners_.push_back(std::move(listener));
}

}  // namespace everleaf::agent
