// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/config/configuration.hpp>

namespace everleaf::agent {

struct HttpCall {
  std::string method;         // "GET", also for HEAD, or "POST"
  std::string path;           // without a query
  std::optional<uid_t> peer;  // who asks; nothing over TCP, where nobody may change anything
};

struct HttpAnswer {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
};

// Answers HTTP/1.1 on the loop, one request a connection, without a body. What a peer can cost is bounded: 8 KiB of
// request, 5 s for it, 10 s to take the answer, some dozens of connections at a time; the others wait.
class HttpEndpoint {
 public:
  // `answer` is called on the loop and must not block.
  HttpEndpoint(boost::asio::io_context& loop, std::function<HttpAnswer(const HttpCall&)> answer);
  ~HttpEndpoint();

  // A Unix socket (0660, with the group of its directory where that is setgid). One that a killed process left is
  // replaced; throws conflict for one at which somebody listens or what is no socket, storage if it cannot be made.
  void listen(const std::filesystem::path& socket);
  // TCP: GET and HEAD only, and only for who calls us by an address, as "localhost" or by our host name (against DNS
  // rebinding).
  void listen(const ListenAddress& address);

 private:
  struct Listener;

  boost::asio::io_context& loop_;
  std::function<HttpAnswer(const HttpCall&)> answer_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::filesystem::path socket_;  // to be removed at the end
};

}  // namespace everleaf::agent
