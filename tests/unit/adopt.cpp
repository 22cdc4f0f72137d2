// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/adopt.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <thread>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2};

Obligation obligation(const std::string& certificate, const std::string& leaf = "leaf", Time since = now) {
  return {certificate, Fingerprint::of(leaf), since};
}

struct Sample {
  TemporaryDirectory directory{memory()};
  StateDirectory state{directory / "state"};
  std::filesystem::path reloads = directory / "reloads";  // a line each

  Sample() { state.create(); }

  Proxy by_shell(const std::string& script) const {
    return {"nginx", ReloadByExec{{"sh", "-c", script, "reload", reloads.string()}}};
  }
  Proxy working() const { return by_shell("echo reloaded >>\"$1\""); }
  Configuration configuration() const { return {.authority = {HttpsUrl::parse("https://ca"), Fingerprint{}}}; }
  AdoptionResult adopt_by(const Proxy& proxy, Time time = now) const {
    return adopt(configuration(), proxy, state, time, {});
  }
};

using Owed = std::vector<Obligation>;

}  // namespace

TEST_CASE("each proxy owes what it uses, until it has taken it up") {
  const Sample sample;
  owe(sample.state, {"nginx", "haproxy"}, obligation("web"));
  owe(sample.state, {"nginx"}, obligation("mail"));
  CHECK(sample.state.proxy("nginx").owed == Owed{obligation("web"), obligation("mail")});
  CHECK(sample.state.proxy("haproxy").owed == Owed{obligation("web")});
}

TEST_CASE("a newer delivery replaces what was owed for the same certificate, but not since when") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web", "old"));
  owe(sample.state, {"nginx"}, obligation("mail"));
  owe(sample.state, {"nginx"}, obligation("web", "new", now + 1h));
  CHECK(sample.state.proxy("nginx").owed ==
        Owed{obligation("mail"), {"web", Fingerprint::of("new"), now, std::nullopt, now + 1h}});
}

TEST_CASE("what is owed twice has the deadline of what is still in use") {
  const Sample sample;
  const auto with_deadline = [](const std::string& leaf, Time deadline) {
    return Obligation{"web", Fingerprint::of(leaf), now, deadline};
  };
  owe(sample.state, {"nginx"}, with_deadline("second", now + 8h));  // the first ends then
  owe(sample.state, {"nginx"}, with_deadline("third", now + 24h));
  CHECK(sample.state.proxy("nginx").owed == Owed{with_deadline("third", now + 8h)});
  owe(sample.state, {"nginx"}, obligation("web", "fourth"));
  CHECK(sample.state.proxy("nginx").owed == Owed{with_deadline("fourth", now + 8h)});
}

TEST_CASE("a proxy that owes nothing is left alone") {
  const Sample sample;
  const auto result = sample.adopt_by(sample.working());
  CHECK(result.adopted.empty());
  CHECK(!result.error);
  CHECK(!result.try_again);
  CHECK(!std::filesystem::exists(sample.reloads));
}

TEST_CASE("all that is owed is fulfilled by one reload, and then forgotten") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  owe(sample.state, {"nginx"}, obligation("mail"));
  const auto result = sample.adopt_by(sample.working());
  CHECK(result.adopted == Owed{obligation("web"), obligation("mail")});
  CHECK(!result.try_again);
  CHECK(read(sample.reloads) == "reloaded\n");
  CHECK(sample.state.proxy("nginx") == ProxyState{});
  CHECK(sample.adopt_by(sample.working()).adopted.empty());
}

TEST_CASE("a proxy that reads its files by itself has adopted at once") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  CHECK(sample.adopt_by({"nginx", NoReload{}}).adopted == Owed{obligation("web")});
  CHECK(sample.state.proxy("nginx").owed.empty());
}

TEST_CASE("a reload that fails is counted, stays owed, and is due again, each time later") {
  const Sample sample;
  const auto broken = sample.by_shell("echo 'nginx: [emerg] unknown directive' >&2; exit 1");
  owe(sample.state, {"nginx"}, obligation("web"));
  seconds waited{0};
  Time time = now;
  for (unsigned failures = 1; failures <= 4; ++failures) {
    const auto result = sample.adopt_by(broken, time);
    CHECK(result.adopted.empty());
    CHECK(std::string(result.error->what()).find("unknown directive") != std::string::npos);
    const auto account = sample.state.proxy("nginx");
    CHECK(account.owed == Owed{obligation("web")});
    CHECK(account.failures == failures);
    CHECK(account.last_failure == time);
    CHECK(account.last_error == result.error->what());
    CHECK(*result.try_again - time > waited);
    waited = *result.try_again - time;
    time = *result.try_again;
  }
}

TEST_CASE("success clears the account") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  sample.adopt_by(sample.by_shell("exit 1"));
  CHECK(sample.adopt_by(sample.working()).adopted == Owed{obligation("web")});
  CHECK(sample.state.proxy("nginx") == ProxyState{});
}

TEST_CASE("a program that is not there, or hangs, is a failure like any other") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  for (const auto& method : {ReloadByExec{{"/no/such/program"}}, ReloadByExec{{"sleep", "60"}}}) {
    const auto result = sample.adopt_by({"nginx", method, 20ms});
    CHECK(result.error);
    CHECK(result.try_again);
  }
  CHECK(sample.state.proxy("nginx").failures == 2);
}

TEST_CASE("a proxy is not reloaded before its check is satisfied") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  auto proxy = sample.working();
  proxy.check = {"sh", "-c", "printf 'on\\033\nstdout\n'; exit 3"};
  const auto refused = sample.adopt_by(proxy);
  CHECK(std::string(refused.error->what()) ==
        "not reloaded, its check failed: sh exited with status 3: on\\x1b; stdout");
  CHECK(refused.try_again);
  CHECK(refused.adopted.empty());
  CHECK(sample.state.proxy("nginx").owed == Owed{obligation("web")});
  CHECK(!std::filesystem::exists(sample.reloads));
  proxy.check = {"true"};
  CHECK(sample.adopt_by(proxy).adopted == Owed{obligation("web")});
  CHECK(read(sample.reloads) == "reloaded\n");
}

TEST_CASE("a check that hangs is ended by the time limit, one that is stopped is no failure") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  auto proxy = sample.working();
  proxy.check = {"sleep", "60"};
  proxy.time_limit = 20ms;
  CHECK(sample.adopt_by(proxy).try_again);
  std::stop_source stop;
  stop.request_stop();
  CHECK(kind_of_error([&] { adopt(sample.configuration(), proxy, sample.state, now, stop.get_token()); }) ==
        ErrorKind::cancelled);
  CHECK(sample.state.proxy("nginx").failures == 1);
  CHECK(!std::filesystem::exists(sample.reloads));
}

TEST_CASE("what hung until its time limit is tried again later than that") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  auto proxy = sample.by_shell("exec sleep 60");
  proxy.time_limit = 1s;
  const auto result = sample.adopt_by(proxy);
  CHECK(result.account.last_failure >= now + 1s);
  CHECK(result.try_again == retry_time_without_deadline(Fingerprint::of("leaf"), 1, *result.account.last_failure));
}

TEST_CASE("a stop during a reload is no failure, and forgets nothing") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  std::stop_source stop;
  stop.request_stop();
  CHECK(kind_of_error([&] {
          adopt(sample.configuration(), sample.by_shell("sleep 60"), sample.state, now, stop.get_token());
        }) == ErrorKind::cancelled);
  CHECK(sample.state.proxy("nginx") == ProxyState{.owed = {obligation("web")}});
}

TEST_CASE("a signal goes to the process that the file names") {
  const Sample sample;
  struct Ignore {  // what we send to ourselves
    Ignore() { std::signal(SIGUSR2, SIG_IGN); }
    ~Ignore() { std::signal(SIGUSR2, SIG_DFL); }
  } const ignore;
  const auto pid_file = write(sample.directory / "pid", std::to_string(getpid()));
  owe(sample.state, {"nginx"}, obligation("web"));
  CHECK(sample.adopt_by({"nginx", ReloadBySignal{pid_file, SIGUSR2}}).adopted == Owed{obligation("web")});
}

TEST_CASE("without the process there is nobody to send a signal to") {
  const Sample sample;
  owe(sample.state, {"nginx"}, obligation("web"));
  CHECK(sample.adopt_by({"nginx", ReloadBySignal{sample.directory / "none", SIGHUP}}).try_again);
  CHECK(sample.state.proxy("nginx").owed == Owed{obligation("web")});
}
