// SPDX-License-Identifier: Apache-2.0
#include <everleaf/state/state_directory.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <everleaf/error/error.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/temporary_directory.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2};

struct Sample {
  TemporaryDirectory directory{memory()};
  StateDirectory state{directory / "everleaf" / "state"};
  std::filesystem::path file(const std::string& name) const { return directory / "everleaf" / "state" / name; }

  Sample() { state.create(); }
};

const Attempts attempts{.failures = 3,
                        .last_failure = now,
                        .last_kind = ErrorKind::unauthorized,
                        .last_error = "the CA refused: \"\\x1b[31m\" Jürgen",
                        .not_before = now + 1h,
                        .last_success = now - 24h,
                        .told = Told{Fingerprint::of("web"), now + 8h},
                        .key_since = now - 48h,
                        .ca_ahead = -90s};
const ProxyState account{
    .owed = {{"web", Fingerprint::of("web"), now}, {"mail", Fingerprint::of("mail"), now - 1h, now + 8h, now - 1min}},
    .failures = 2,
    .last_failure = now,
    .last_error = "nginx did not reload",
    .draining = {{42, "4711", now, now + 8h, true}, {43, "4712", now}}};

}  // namespace

TEST_CASE("the state directory is ours alone, and made only once") {
  const Sample sample;
  CHECK(mode_of(sample.directory / "everleaf" / "state") == 0700);
  sample.state.store("web", attempts);
  sample.state.create();
  CHECK(sample.state.attempts("web") == attempts);
}

TEST_CASE("what is remembered of the CA is read as it was stored") {
  const Sample sample;
  CHECK(sample.state.authority() == AuthorityState{});
  for (const auto& one : {AuthorityState{"https://b.internal", now, true, now + 1h}, AuthorityState{}}) {
    sample.state.store(one);
    CHECK(sample.state.authority() == one);
  }
}

TEST_CASE("when the CA came back is stored once, not with each certificate") {
  const Sample sample;
  sample.state.store("web", {.ca_back = now});
  CHECK(sample.state.attempts("web") == Attempts{});
}

TEST_CASE("what is known of the roots is read as it was stored") {
  const Sample sample;
  const auto a = Fingerprint::of("a");
  const RootsState known{{a}, {{a, now}, {Fingerprint::of("b"), now - 1h}}, now, {now - 1h, {a}}, now - 2h, 24h, 3};
  CHECK(sample.state.roots_state() == RootsState{});
  for (const auto& one : {known, RootsState{}}) {
    sample.state.store(one);
    CHECK(sample.state.roots_state() == one);
  }
}

TEST_CASE("where nothing is known nothing has happened") {
  const Sample sample;
  CHECK(sample.state.attempts("web") == Attempts{});
  CHECK(sample.state.proxy("nginx") == ProxyState{});
  CHECK(!sample.state.pending_key("web"));
  CHECK(sample.state.roots().empty());
}

TEST_CASE("what is stored is what is read, also the empty and the unknown") {
  const Sample sample;
  for (const auto& one : {attempts, Attempts{}, Attempts{.last_success = now}}) {
    sample.state.store("web", one);
    CHECK(sample.state.attempts("web") == one);
  }
  for (const auto& one : {account, ProxyState{}}) {
    sample.state.store("nginx", one);
    CHECK(sample.state.proxy("nginx") == one);
  }
  CHECK(sample.state.attempts("nginx") == Attempts{});  // a certificate may be called like a proxy
}

TEST_CASE("a pending key and the roots are kept") {
  const Sample sample;
  sample.state.store_pending_key("web", Secret("a key"));
  CHECK(sample.state.pending_key("web")->reveal() == "a key");
  CHECK(mode_of(sample.file("certificate.web.key")) == 0600);
  sample.state.remove_pending_key("web");
  sample.state.remove_pending_key("web");
  CHECK(!sample.state.pending_key("web"));
  const auto roots = parse_certificates(test_data("x509/root.crt") + "\n" + test_data("x509/same_name_root.crt"), "");
  sample.state.store_roots(roots);
  CHECK(sample.state.roots() == roots);
}

TEST_CASE("nobody else can read what is stored") {
  const Sample sample;
  sample.state.store("web", attempts);
  sample.state.store("nginx", account);
  CHECK(mode_of(sample.file("certificate.web.json")) == 0600);
  CHECK(mode_of(sample.file("proxy.nginx.json")) == 0600);
}

TEST_CASE("a state that was cut anywhere is malformed, with a hint what to do about it") {
  const Sample sample;
  sample.state.store("nginx", account);
  const auto whole = read(sample.file("proxy.nginx.json"));
  for (std::size_t size = 0; size + 2 < whole.size(); size += 7) {
    write(sample.file("proxy.nginx.json"), whole.substr(0, size));
    CHECK(kind_of_error([&] { sample.state.proxy("nginx"); }) == ErrorKind::malformed);
  }
  try {
    sample.state.proxy("nginx");
  } catch (const Error& error) {
    CHECK(error.hint() == "it can be removed: the certificates themselves are not in it");
  }
}

TEST_CASE("what is no file, or far too large, is malformed; the next write moves it aside, without a loss") {
  const Sample sample;
  const auto file = sample.file("certificate.web.json");
  for (const auto* kind : {"FIFO", "directory", "huge"}) {
    CAPTURE(kind);
    if (kind == std::string("FIFO")) REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    if (kind == std::string("directory")) write((std::filesystem::create_directory(file), file / "theirs"), "precious");
    if (kind == std::string("huge")) write(file, std::string((1 << 20) + 1, ' '));
    try {
      sample.state.attempts("web");
      FAIL("it was read");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      CHECK(!error.hint().empty());
    }
    sample.state.store("web", attempts);
    CHECK(sample.state.attempts("web") == attempts);
    std::filesystem::remove(file);
    if (kind != std::string("directory")) continue;
    const auto left = std::filesystem::directory_iterator(file.parent_path());
    CHECK(std::count_if(begin(left), end(left), [](const auto& one) { return exists(one.path() / "theirs"); }) == 1);
  }
}

TEST_CASE("what is no pending key is none; the next write or removal moves it aside") {
  const Sample sample;
  const auto file = sample.file("certificate.web.key");
  const auto put = [&](const std::string& kind) {
    std::filesystem::remove(file);
    if (kind == "FIFO") REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    if (kind == "directory") write((std::filesystem::create_directory(file), file / "theirs"), "precious");
    if (kind == "huge") write(file, std::string((1 << 20) + 1, ' '));
  };
  for (const auto* kind : {"FIFO", "directory", "huge"}) {
    CAPTURE(kind);
    put(kind);
    CHECK(!sample.state.pending_key("web"));
    sample.state.store_pending_key("web", Secret("a key"));
    CHECK(sample.state.pending_key("web")->reveal() == "a key");
    put(kind);
    sample.state.remove_pending_key("web");
    CHECK(!exists(file));
  }
  const auto left = std::filesystem::directory_iterator(file.parent_path());
  CHECK(std::count_if(begin(left), end(left), [](const auto& one) { return exists(one.path() / "theirs"); }) == 2);
}

TEST_CASE("what a proxy owes for 10,000 certificates is read as it was stored") {
  const Sample sample;
  ProxyState large;
  for (int i = 0; i < 10'000; ++i)
    large.owed.push_back(
        {std::string(60, 'a') + std::to_string(1000 + i % 9000), Fingerprint::of("web"), now, now + 8h});
  sample.state.store("nginx", large);
  CHECK(sample.state.proxy("nginx") == large);
}

TEST_CASE("a state with something else in it than we write is malformed, whatever it is") {
  const Sample sample;
  for (const auto* text : {"[]", "5", "null", "{}", R"({"version":1})", R"({"version":"1","failures":0})",
                           R"({"version":1,"failures":"many","last-kind":0,"last-error":""})",
                           R"({"version":1,"failures":0,"last-kind":0,"last-error":5})",
                           R"({"version":1,"failures":-1,"last-kind":0,"last-error":""})",
                           R"({"version":1,"failures":0,"last-kind":1e24,"last-error":""})",
                           R"({"version":1e24,"failures":0,"last-kind":0,"last-error":""})"}) {
    write(sample.file("certificate.web.json"), text);
    CHECK_MESSAGE(kind_of_error([&] { sample.state.attempts("web"); }) == ErrorKind::malformed, text);
  }
  for (const auto* owed :
       {"5", "[5]", "[{}]", R"([{"certificate":"web"}])", R"([{"certificate":"web","leaf":"abc"}])"}) {
    write(sample.file("proxy.nginx.json"),
          R"({"version":1,"failures":0,"last-error":"","owed":)" + std::string(owed) + "}");
    CHECK_MESSAGE(kind_of_error([&] { sample.state.proxy("nginx"); }) == ErrorKind::malformed, owed);
  }
}

TEST_CASE("a state of a newer version is not guessed at") {
  const Sample sample;
  write(sample.file("certificate.web.json"), R"({"version":2,"failures":0,"last-kind":0,"last-error":""})");
  try {
    sample.state.attempts("web");
    FAIL("it was read");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(std::string(error.what()).ends_with("was written by a newer everleaf"));
    CHECK(!error.hint().empty());
  }
}

TEST_CASE("a state of an older everleaf, without what is new, is read") {
  const Sample sample;
  write(sample.file("certificate.web.json"), R"({"version":1,"failures":1,"last-kind":7,"last-error":"away"})");
  CHECK(sample.state.attempts("web").failures == 1);
  CHECK(!sample.state.attempts("web").last_success);
}

TEST_CASE("words that are no UTF-8 do not stop a failure from being remembered") {
  const Sample sample;
  sample.state.store("web", Attempts{.failures = 1, .last_failure = Time{}, .last_error = "the CA said \xe0\x80\x80"});
  CHECK(sample.state.attempts("web").failures == 1);
}
