// SPDX-License-Identifier: Apache-2.0
// What a sane HAProxy does is tested against a real one, in tests/ca/test_haproxy.py. This is about the others.
#include <everleaf/process/haproxy_socket.hpp>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <thread>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;

// Answers one command a connection, as it was told; then it accepts nothing more. What is asked is kept.
class ScriptedHaproxy {
 public:
  explicit ScriptedHaproxy(Texts answers) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::strcpy(address.sun_path, path.c_str());
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    thread_ = std::jthread([this, all = std::move(answers)] {
      for (const auto& answer : all) serve(answer);
    });
  }
  ~ScriptedHaproxy() { ::shutdown(listener_.get(), SHUT_RDWR); }

  // To be called once everything was answered.
  Texts asked() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    return asked_;
  }

  const TemporaryDirectory directory{memory()};
  const std::filesystem::path path = directory / "socket";

 private:
  void serve(const std::string& answer) {
    const Descriptor connection(::accept(listener_.get(), nullptr, nullptr));
    if (!connection.is_open()) return;
    std::string command;
    std::array<char, 4096> buffer;
    while (!is_whole(command)) {
      const auto count = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
      if (count <= 0) break;
      command.append(buffer.data(), static_cast<std::size_t>(count));
    }
    asked_.push_back(command);
    ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }
  static bool is_whole(const std::string& command) {
    return command.ends_with(command.find(" <<\n") != std::string::npos ? "\n\n" : "\n");
  }

  Descriptor listener_;
  Texts asked_;
  std::jthread thread_;
};

const std::string old_sha1(40, 'A');
const std::string new_sha1(40, 'B');
const std::string list = "# filename\n/one.pem\n/two.pem\n\n";
const std::string created = "Transaction created for certificate /one.pem!\n\n";
const std::string committed = "Committing /one.pem..\nSuccess!\n\n";

std::string in_use(const std::string& sha1) {
  return "Filename: /one.pem\nStatus: Used\nSHA1 FingerPrint: " + sha1 + "\nSubject: /CN=one\n\n";
}

HaproxyCertificate certificate(const std::string& name = "/one.pem", const std::string& pem = "PEM\n") {
  return {name, Secret(pem), std::string(40, 'b'), "", {}};
}

void update(const ScriptedHaproxy& haproxy, const std::vector<HaproxyCertificate>& certificates = {certificate()},
            std::chrono::milliseconds limit = 10s, std::stop_token stop = {}) {
  update_haproxy(haproxy.path, certificates, limit, std::move(stop));
}

// Of a replacement of /one.pem that is answered like this.
Error failure_with(Texts answers, std::chrono::milliseconds limit = 10s) {
  const ScriptedHaproxy haproxy(std::move(answers));
  return failure([&] { update(haproxy, {certificate()}, limit); });
}

bool says(const Error& error, const std::string& text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a certificate is set, committed, and seen to be in use") {
  ScriptedHaproxy haproxy({list, in_use(old_sha1), created, committed, in_use(new_sha1)});
  update(haproxy);
  CHECK(haproxy.asked() == Texts{"show ssl cert\n", "show ssl cert /one.pem\n", "set ssl cert /one.pem <<\nPEM\n\n",
                                 "commit ssl cert /one.pem\n", "show ssl cert /one.pem\n"});
}

TEST_CASE("what HAProxy uses already is not set again") {
  ScriptedHaproxy haproxy({list, in_use(new_sha1)});
  update(haproxy);
  CHECK(haproxy.asked() == Texts{"show ssl cert\n", "show ssl cert /one.pem\n"});
}

TEST_CASE("a transaction that fails anywhere is aborted") {
  const Texts begin{list, in_use(old_sha1)};
  for (const auto& answers : {Texts{"Can't load the payload\n\n"}, Texts{created, "Failed!\n\n"}, Texts{created, ""},
                              Texts{created, "Success!Permission denied\n\n"}}) {
    auto script = begin;
    script.insert(script.end(), answers.begin(), answers.end());
    script.push_back("Transaction aborted for certificate '/one.pem'!\n\n");
    ScriptedHaproxy haproxy(script);
    CHECK(failure([&] { update(haproxy); }).kind() == ErrorKind::hook);
    CHECK(haproxy.asked().back() == "abort ssl cert /one.pem\n");
  }
}

TEST_CASE("what HAProxy has looked at and does not want is rejected") {
  for (const auto& answers :
       {Texts{"unable to load certificate from file '/one.pem'.\nCan't load the payload\nCan't update /one.pem!\n\n"},
        Texts{created,
              "Committing /one.pem.\nunable to load SSL certificate into SSL Context '/one.pem'.\nFailed!\n\n"},
        Texts{created,
              "inconsistencies between private key and certificate loaded '/one.pem'.\nCan't commit /one.pem!\n\n"}}) {
    Texts script{list, in_use(old_sha1)};
    script.insert(script.end(), answers.begin(), answers.end());
    script.emplace_back("No ongoing transaction!\n\n");
    ScriptedHaproxy haproxy(script);
    CHECK(failure([&] { update(haproxy); }).kind() == ErrorKind::rejected);
  }
}

TEST_CASE("what a killed run left open for ours is aborted first") {
  ScriptedHaproxy haproxy(
      {"# transaction\n*/one.pem\n" + list, "", in_use(old_sha1), created, committed, in_use(new_sha1)});
  update(haproxy);
  CHECK(haproxy.asked()[1] == "abort ssl cert /one.pem\n");
}

TEST_CASE("somebody else's transaction is left alone") {
  ScriptedHaproxy haproxy({"# transaction\n*/other.pem\n" + list});
  const auto error = failure([&] { update(haproxy); });
  CHECK(says(error, "somebody has a transaction open for \"/other.pem\""));
  CHECK(error.hint().find("abort ssl cert /other.pem") != std::string::npos);
  CHECK(haproxy.asked().size() == 1);
}

TEST_CASE("a transaction that our key got into because it was begun meanwhile is aborted") {
  ScriptedHaproxy haproxy({list, in_use(old_sha1), "Transaction updated for certificate /two.pem!\n\n", ""});
  CHECK(says(failure([&] { update(haproxy); }), "Transaction updated for certificate /two.pem!"));
  CHECK(haproxy.asked().back() == "abort ssl cert /two.pem\n");
}

TEST_CASE("that HAProxy trusts other authorities is said once the certificate is in use, if it has the file at all") {
  auto one = certificate();
  one.ca_file = "/ca.crt";
  one.ca_sha1s = {std::string(40, 'b'), std::string(40, 'a')};
  const auto both = "Certificate #1:\nSHA1 FingerPrint: " + old_sha1 + "\n \nCertificate #2:\n" + in_use(new_sha1);
  for (const auto& authorities : {both, std::string("Can't display the CA file : Not found!\n\n")}) {
    ScriptedHaproxy haproxy({list, in_use(new_sha1), authorities});
    update(haproxy, {one});
    CHECK(haproxy.asked().back() == "show ssl ca-file /ca.crt\n");
  }
  const ScriptedHaproxy haproxy({list, in_use(old_sha1), created, committed, in_use(new_sha1), in_use(new_sha1)});
  const auto error = failure([&] { update(haproxy, {one}); });
  CHECK(says(error, "HAProxy still trusts what was in /ca.crt before"));
  CHECK(error.hint().find("reload") != std::string::npos);
}

TEST_CASE("a certificate that is refused does not keep the others from being replaced") {
  ScriptedHaproxy haproxy({list, in_use(old_sha1), created, committed, in_use(new_sha1)});
  CHECK(says(failure([&] { update(haproxy, {certificate("/none.pem"), certificate()}); }), "cannot replace /none.pem"));
  CHECK(haproxy.asked().size() == 5);
}

TEST_CASE("a certificate that HAProxy does not have is answered with those that it has") {
  const auto error = failure_with({"# filename\n/a.pem\n/b.pem\n\n"});
  CHECK(says(error, "cannot replace /one.pem in HAProxy: HAProxy has no such certificate"));
  CHECK(error.hint().starts_with("it has: /a.pem, /b.pem; "));
}

TEST_CASE("another certificate in use than the one that was set is a failure") {
  CHECK(says(failure_with({list, in_use(old_sha1), created, committed, in_use(old_sha1)}), "does not use it"));
}

TEST_CASE("names within a certificate do not pass for its fingerprint") {
  const auto spoofed = in_use(new_sha1 + "\nSHA1 FingerPrint: " + old_sha1);
  CHECK(says(failure_with({list, spoofed, created, committed, spoofed}), "does not use it"));
  CHECK(says(failure_with({list, "", created, committed, "Filename: /one.pem\n\n"}), "does not use it"));
}

TEST_CASE("what makes no sense is quoted, short and fit for a line, with a hint") {
  for (const auto& answer :
       {std::string(), std::string("Permission denied\n\n"), "\x1b[31m" + std::string(100'000, '\a'),
        std::string("Unknown command.\n  help : list\n")}) {
    const auto error = failure_with({answer});
    const std::string text = error.what();
    CHECK(text.size() < 600);
    CHECK(std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' '; }));
    CHECK(error.hint().find("level admin") != std::string::npos);
  }
}

TEST_CASE("an answer without end is cut off") {
  CHECK(says(failure_with({std::string(3 << 20, 'x')}), "an answer without end, beginning with \"xxx"));
}

TEST_CASE("a payload that would end early is not sent") {
  for (const auto* pem : {"one\n\ntwo\n", "no end of line", ""}) {
    ScriptedHaproxy haproxy({list, in_use(old_sha1), ""});
    CHECK(says(failure([&] { update(haproxy, {certificate("/one.pem", pem)}); }), "empty line"));
    CHECK(haproxy.asked().back() == "abort ssl cert /one.pem\n");
  }
}

TEST_CASE("what is larger than its buffer HAProxy answers by hanging up") {
  const auto error = failure_with({list, in_use(old_sha1), "", ""});
  CHECK(says(error, "closed the connection without an answer"));
  CHECK(error.hint().find("tune.bufsize") != std::string::npos);
}

TEST_CASE("a name is one word of a command") {
  for (const auto* name : {"/one.pem", "/etc/x/a+b.pem", "relative.pem", "@store/one"}) CHECK(is_haproxy_name(name));
  for (const auto* name : {"", "/a b", "/a;show info", "/a\nshow info", "*/one.pem", "# x", "/a\\b", "/\"a\"", "/a <<"})
    CHECK(!is_haproxy_name(name));
  const ScriptedHaproxy haproxy({list});
  CHECK(says(failure([&] { update(haproxy, {certificate("/a b")}); }), "cannot take such a name"));
}

TEST_CASE("a HAProxy that says nothing is not waited for longer than allowed") {
  const ScriptedHaproxy haproxy({});
  const auto since = std::chrono::steady_clock::now();
  CHECK(says(failure([&] { update(haproxy, {certificate()}, 50ms); }), "not finished in time"));
  CHECK(std::chrono::steady_clock::now() - since < 5s);
}

TEST_CASE("a stop ends the waiting at once") {
  const ScriptedHaproxy haproxy({});
  std::stop_source stop;
  std::jthread soon([&] { stop.request_stop(); });
  CHECK(failure([&] { update(haproxy, {certificate()}, 60s, stop.get_token()); }).kind() == ErrorKind::cancelled);
}

TEST_CASE("without a HAProxy it says what belongs into its configuration") {
  const TemporaryDirectory directory{memory()};
  const auto error = failure([&] { update_haproxy(directory / "socket", {certificate()}, 10s, {}); });
  CHECK(says(error, "cannot connect: No such file or directory"));
  CHECK(error.hint().find("stats socket " + (directory / "socket").string()) != std::string::npos);
  CHECK(says(failure([&] { update_haproxy("/" + std::string(200, 'x'), {certificate()}, 10s, {}); }),
             "at most 107 characters"));
}
