// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <mutex>
#include <thread>

#include <everleaf/files/file.hpp>
#include <everleaf/process/haproxy_socket.hpp>
#include <tests/fuzz/fuzz.hpp>

using namespace everleaf;
using namespace std::chrono_literals;

namespace {

// A socket that answers whatever it is asked: first this, then, from a byte 0xff on, that; the last for ever.
class FakeHaproxy {
 public:
  FakeHaproxy() : path_(fuzz::as_file("", "haproxy")), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::filesystem::remove(path_);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strcpy(address.sun_path, path_.c_str());
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 8) != 0)
      throw std::runtime_error("no socket");
    std::thread([this] {
      while (true) serve();
    }).detach();
  }

  const std::filesystem::path& path() const { return path_; }
  void say(std::string_view answers) {
    const std::lock_guard lock(mutex_);
    answers_ = answers;
  }

 private:
  void serve() {
    const Descriptor client(::accept(listener_.get(), nullptr, nullptr));
    const auto answer = next();
    static_cast<void>(::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
    ::shutdown(client.get(), SHUT_WR);
    std::array<char, 4096> command;
    while (::recv(client.get(), command.data(), command.size(), 0) > 0) continue;
  }

  std::string next() {
    const std::lock_guard lock(mutex_);
    const auto end = answers_.find('\xff');
    const auto answer = answers_.substr(0, end);
    if (end != std::string::npos) answers_.erase(0, end + 1);
    return answer;
  }

  std::filesystem::path path_;
  Descriptor listener_;
  std::mutex mutex_;
  std::string answers_;
};

}  // namespace

// What HAProxy answers to our commands, one after the other.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static auto& haproxy = *new FakeHaproxy;  // its thread goes on until the end
  haproxy.say(fuzz::text_of(bytes, size));
  return fuzz::must_answer([] {
    update_haproxy(haproxy.path(), {{.name = "/a.pem", .pem = Secret("pem\n"), .sha1 = std::string(40, 'a')}}, 1s, {});
  });
}
