// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/standalone.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>

#include <everleaf/error/error.hpp>
#include <everleaf/process/stop_event.hpp>

namespace everleaf::acme {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_request = 8192;
constexpr std::size_t most_connections = 64;
constexpr std::chrono::seconds time_for_connection{10};

std::string response(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

struct HostAndPort {
  std::string host;
  std::string port;
};

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && stop == text.data() + text.size() && port > 0 && port < 65536;
}

HostAndPort split(const std::string& address) {
  const auto colon = std::min(address.rfind(':'), address.size());
  const auto host = address.substr(0, colon);
  const auto port = address.substr(std::min(colon + 1, address.size()));
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (!is_port(port) || (!bracketed && host.find(':') != std::string::npos))
    throw Error(ErrorKind::usage, "\"" + escape(address) + "\" is not an address to listen at",
                "it looks like :80, 127.0.0.1:8080 or [::1]:80");
  return {bracketed ? host.substr(1, host.size() - 2) : host, port};
}

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses resolve(const std::string& address) {
  const auto [host, port] = split(address);
  addrinfo hints{};
  // All addresses are those of IPv6, which has those of IPv4 in it; where there is none, 0.0.0.0.
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) throw Error(ErrorKind::usage, "cannot listen at " + address + ": " + ::gai_strerror(code));
  return {found, ::freeaddrinfo};
}

Descriptor listen_at(const addrinfo& address) {
  Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.get(), address.ai_addr, address.ai_addrlen) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
    return Descriptor();
  return socket;
}

Descriptor listen_at(const std::string& text) {
  const auto addresses = resolve(text);
  for (const int family : {AF_INET6, AF_INET})
    for (const auto* one = addresses.get(); one != nullptr; one = one->ai_next)
      if (one->ai_family == family)
        if (auto socket = listen_at(*one); socket.is_open()) return socket;
  const int number = errno;
  const auto failed = system_error("cannot listen at " + text, number);
  if (number == EADDRINUSE)
    throw Error(ErrorKind::conflict, failed.what(),
                "let who listens there serve a directory, and give it as --webroot; or pass the path "
                "/.well-known/acme-challenge/ on to another --http-listen");
  throw failed.with_hint(
      "ports below 1024 need CAP_NET_BIND_SERVICE; else a proxy can pass the path "
      "/.well-known/acme-challenge/ on to another --http-listen");
}

struct Connection {
  Descriptor socket;
  Clock::time_point end;
  std::string request{};
  std::string answer{};

  short awaits() const { return answer.empty() ? POLLIN : POLLOUT; }

  // False: it is done with.
  bool go_on(const Answers& answers) { return answer.empty() ? read(answers) : write(); }

 private:
  bool read(const Answers& answers) {
    char bytes[2048];
    const auto count = ::recv(socket.get(), bytes, sizeof bytes, 0);
    if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
    request.append(bytes, static_cast<std::size_t>(count));
    answer = answer_to(request, answers);
    if (answer.empty() && request.size() > longest_request)
      answer = response("431 Request Header Fields Too Large", "");
    return answer.empty() || write();
  }

  bool write() {
    const auto count = ::send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    answer.erase(0, static_cast<std::size_t>(count));
    return !answer.empty();
  }
};

class Server {
 public:
  Server(int listener, Answers answers) : listener_(listener), answers_(std::move(answers)) {}

  void run(const std::stop_token& stop) {
    const StopEvent event(stop);
    while (!stop.stop_requested()) {
      std::vector<pollfd> waits{{event.descriptor(), POLLIN, 0},
                                {connections_.size() < most_connections ? listener_ : -1, POLLIN, 0}};
      for (const auto& one : connections_) waits.push_back({one.socket.get(), one.awaits(), 0});
      ::poll(waits.data(), waits.size(), connections_.empty() ? -1 : 1000);
      serve(waits);
      if ((waits[1].revents & POLLIN) != 0) accept();
    }
  }

 private:
  void serve(const std::vector<pollfd>& waits) {
    const auto now = Clock::now();
    std::vector<Connection> left;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      auto& one = connections_[i];
      const bool goes_on = waits[i + 2].revents == 0 || one.go_on(answers_);
      if (goes_on && now < one.end) left.push_back(std::move(one));
    }
    connections_ = std::move(left);
  }

  void accept() {
    Descriptor socket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.is_open()) connections_.push_back({std::move(socket), Clock::now() + time_for_connection});
  }

  int listener_;
  Answers answers_;
  std::vector<Connection> connections_;
};

}  // namespace

std::string answer_to(std::string_view request, const Answers& answers) {
  if (request.find("\r\n\r\n") == std::string_view::npos) return {};
  const auto line = request.substr(0, request.find("\r\n"));
  const auto path_begin = line.find(' ');
  const auto path_end = line.rfind(' ');
  const bool is_http = path_begin != path_end && line.substr(path_end).starts_with(" HTTP/1.");
  if (!is_http) return response("400 Bad Request", "");
  if (line.substr(0, path_begin) != "GET") return response("405 Method Not Allowed", "");
  const auto path = line.substr(path_begin + 1, path_end - path_begin - 1);
  const std::string_view prefix = challenge_path;
  const auto found = path.starts_with(prefix) ? answers.find(path.substr(prefix.size())) : answers.end();
  return found == answers.end() ? response("404 Not Found", "") : response("200 OK", found->second);
}

Standalone::Standalone(const std::string& address) : listener_(listen_at(address)) {}

void Standalone::publish(const std::vector<ChallengeAnswer>& answers) {
  Answers by_token;
  for (const auto& one : answers) by_token[one.token] = one.key_authorization;
  server_ = std::jthread([listener = listener_.get(), by_token = std::move(by_token)](const std::stop_token& stop) {
    Server(listener, by_token).run(stop);
  });
}

}  // namespace everleaf::acme
