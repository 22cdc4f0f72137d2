// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>

#include <everleaf/error/error.hpp>
#include <everleaf/time/time.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

const std::string fingerprint(64, 'a');
const std::string authority = "[ca]\nurl = 'https://ca.internal:9443'\nfingerprint = '" + fingerprint + "'\n";
constexpr unsigned lines_of_authority = 3;

struct Files {
  TemporaryDirectory directory{memory()};
  fs::path main = directory / "everleaf.toml";

  explicit Files(const std::string& text) { write(main, text); }
  void add(const std::string& name, const std::string& text) const {
    fs::create_directory(directory / "conf.d");
    write(directory / "conf.d" / name, text);
  }
  LoadedConfiguration load() const { return load_configuration(main); }
};

Configuration good(const std::string& text) {
  const Files files(authority + text);
  const auto loaded = files.load();
  for (const auto& problem : loaded.problems) MESSAGE(to_string(problem));
  REQUIRE(loaded.configuration);
  return *loaded.configuration;
}

ManagedCertificate certificate(const std::string& keys) {
  return good("[proxy.nginx]\nreload = 'none'\n[certificate.web]\nsubject = 'myuser'\n" + keys).certificates.at("web");
}

Proxy proxy_with(const std::string& reload) {
  return good("[proxy.nginx]\nreload = " + reload + "\n").proxies.at("nginx");
}

ReloadMethod reload_of(const std::string& value) { return proxy_with(value).reload; }

// "LINE:COLUMN: text (hint)" for each problem of what stands below [ca]; lines count from there.
std::vector<std::string> problems_of(const std::string& text) {
  const Files files(authority + text);
  const auto loaded = files.load();
  CHECK(!loaded.configuration);
  std::vector<std::string> all;
  for (const auto& problem : loaded.problems) {
    CHECK(problem.file == files.main);
    all.push_back(std::to_string(problem.line - lines_of_authority) + ":" + std::to_string(problem.column) + ": " +
                  problem.text + (problem.hint.empty() ? "" : " (" + problem.hint + ")"));
  }
  return all;
}

}  // namespace

TEST_CASE("the least that is needed is the CA; the rest has defaults") {
  const auto configuration = good("");
  CHECK(configuration.authority.url.origin() == "https://ca.internal:9443");
  CHECK(std::get<Fingerprint>(configuration.authority.root).hex() == fingerprint);
  CHECK(configuration.state == "/var/lib/everleaf");
  CHECK(configuration.live_parent() == "/var/lib/everleaf/live");
  CHECK(configuration.proxies.empty());
  CHECK(configuration.certificates.empty());
}

TEST_CASE("a certificate needs a subject; the rest has defaults") {
  const auto web = certificate("");
  CHECK(web.name == "web");
  CHECK(web.subject == "myuser");
  CHECK(web.names == std::vector<std::string>{"myuser"});
  CHECK(web.key == KeyType::ec_p256);
  CHECK(!web.enroll);
  CHECK(std::holds_alternative<RekeyAlways>(web.rekey));
  CHECK(!web.survive);
  CHECK(web.not_after.empty());
  CHECK(web.used_by.empty());
  CHECK(!web.files);
}

TEST_CASE("each key of a certificate is taken") {
  const auto web = certificate(R"(
    names = ["myuser", "10.0.0.7"]
    key = "ed25519"
    enroll = { token-file = "/token" }
    rekey = "30d"
    survive = "10h"
    not-after = "24h"
    used-by = ["nginx"]
    files = { certificate = "/a.crt", key = "/a.key", combined = "/a.pem", root = "/ca.crt" }
  )");
  CHECK(web.names == std::vector<std::string>{"myuser", "10.0.0.7"});
  CHECK(web.key == KeyType::ed25519);
  CHECK(std::get<TokenFile>(*web.enroll).path == "/token");
  CHECK(std::get<RekeyAfter>(web.rekey).age == 720h);
  CHECK(web.survive == 10h);
  CHECK(web.not_after == "24h");
  CHECK(web.used_by == std::vector<std::string>{"nginx"});
  CHECK(web.files->certificate == "/a.crt");
  CHECK(web.files->key == "/a.key");
  CHECK(web.files->combined == "/a.pem");
  CHECK(web.files->root == "/ca.crt");
}

TEST_CASE("there are three ways to enroll, and three rules for new keys") {
  CHECK(std::get<TokenCommand>(*certificate("enroll = { token-command = ['get', 'token'] }").enroll).argv ==
        std::vector<std::string>{"get", "token"});
  const auto by_password = certificate("enroll = { password-file = '/password', provisioner = 'admin' }");
  CHECK(std::get<ProvisionerPassword>(*by_password.enroll).password_file == "/password");
  CHECK(std::get<ProvisionerPassword>(*by_password.enroll).provisioner == "admin");
  CHECK(std::get<ProvisionerPassword>(*certificate("enroll = { password-file = '/p' }").enroll).provisioner.empty());
  CHECK(std::holds_alternative<RekeyAlways>(certificate("rekey = 'always'").rekey));
  CHECK(std::holds_alternative<RekeyNever>(certificate("rekey = 'never'").rekey));
}

TEST_CASE("each way to reload a proxy has a time limit") {
  CHECK(proxy_with("{ exec = ['x'] }").time_limit == 30s);
  CHECK(proxy_with("{ systemd = 'nginx.service', time-limit = '1.5s' }").time_limit == 1500ms);
  CHECK(proxy_with("{ signal = { pid-file = '/p' }, time-limit = '1m' }").time_limit == 60s);
}

TEST_CASE("each way to reload a proxy is taken") {
  CHECK(std::holds_alternative<NoReload>(reload_of("'none'")));
  const auto exec = std::get<ReloadByExec>(reload_of("{ exec = ['nginx', '-s', 'reload'] }"));
  CHECK(exec.argv == std::vector<std::string>{"nginx", "-s", "reload"});
  CHECK(std::get<ReloadByUnit>(reload_of("{ systemd = 'nginx.service' }")).unit == "nginx.service");
  const auto signal = std::get<ReloadBySignal>(reload_of("{ signal = { pid-file = '/run/nginx.pid' } }"));
  CHECK(signal.pid_file == "/run/nginx.pid");
  CHECK(signal.signal == SIGHUP);
  CHECK(std::get<ReloadBySignal>(reload_of("{ signal = { pid-file = '/p', signal = 'USR1' } }")).signal == SIGUSR1);
}

TEST_CASE("the root can be a file, and the state somewhere else") {
  Files files("");
  const auto root = write(files.directory / "root.crt", "");
  write(files.main, "[ca]\nurl = 'ca.internal'\nroot = '" + root.string() + "'\n[paths]\nstate = '/srv/everleaf'\n");
  const auto loaded = files.load();
  REQUIRE(loaded.configuration);
  CHECK(std::get<fs::path>(loaded.configuration->authority.root) == root);
  CHECK(loaded.configuration->state == "/srv/everleaf");
}

TEST_CASE("%d is systemd's credentials directory, and only where there is one") {
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials", 1);
  CHECK(std::get<TokenFile>(*certificate("enroll = { token-file = '%d/token' }").enroll).path ==
        "/run/credentials/token");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  const auto problems = problems_of("[certificate.web]\nsubject = 'x'\nenroll = { token-file = '%d/token' }\n");
  REQUIRE(problems.size() == 1);
  CHECK(problems.front().starts_with("3:25: [certificate.web] enroll: \"%d\" needs a credentials directory"));
}

TEST_CASE("each problem is told with its place, what is wrong and what was meant, and nothing else is") {
  const std::string web = "[certificate.web]\nsubject = 'x'\n";
  const struct {
    std::string text;
    const char* problem;
  } cases[] = {
      {"[certificat.web]\nsubject = 'x'\n",
       "1:2: configuration: unknown key \"certificat\" (did you mean \"certificate\"?)"},
      {web + "sujbect = 'x'\n", "3:1: [certificate.web]: unknown key \"sujbect\" (did you mean \"subject\"?)"},
      {web + "entirely = 'x'\n", "3:1: [certificate.web]: unknown key \"entirely\""},
      {web + "\"a\\u001b\" = 'x'\n", "3:1: [certificate.web]: unknown key \"a\\x1b\""},
      {web + "enroll = { token_file = '/t' }\n",
       "3:12: [certificate.web] enroll: unknown key \"token_file\" (did you mean \"token-file\"?)"},
      {"[certificate.web]\n", "1:1: [certificate.web]: \"subject\" is missing"},
      {"[certificate.web]\nsubject = 5\n", "2:11: [certificate.web]: \"subject\" must be a text that is not empty"},
      {"[certificate.web]\nsubject = ''\n", "2:11: [certificate.web]: \"subject\" must be a text that is not empty"},
      {web + "names = 'x'\n",
       "3:9: [certificate.web]: \"names\" must be a list of texts (write it as [\"one\", \"two\"])"},
      {web + "names = ['x', 5]\n",
       "3:9: [certificate.web]: \"names\" must be a list of texts (write it as [\"one\", \"two\"])"},
      {web + "names = []\n",
       "3:9: [certificate.web]: \"names\" must be a list of texts (write it as [\"one\", \"two\"])"},
      {web + "key = 'dsa'\n",
       "3:7: [certificate.web]: there is no kind of key \"dsa\" (ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, "
       "rsa-3072 or rsa-4096)"},
      {web + "survive = '10'\n",
       "3:11: [certificate.web]: \"survive\" must be a duration with its unit (write it as \"90s\", \"16h\" or "
       "\"30d\")"},
      {web + "survive = 10\n",
       "3:11: [certificate.web]: \"survive\" must be a duration with its unit (write it as \"90s\", \"16h\" or "
       "\"30d\")"},
      {web + "survive = '-1h'\n",
       "3:11: [certificate.web]: \"survive\" must be a duration with its unit (write it as \"90s\", \"16h\" or "
       "\"30d\")"},
      {web + "survive = '13h'\nnot-after = '24h'\n",
       "3:11: [certificate.web]: \"survive\" is over half of the lifetime"},
      {web + "not-after = '24'\n",
       "3:13: [certificate.web]: \"not-after\" must be a duration with its unit, or a time (as \"24h\")"},
      {web + "not-after = '-24h'\n",
       "3:13: [certificate.web]: \"not-after\" must be a duration with its unit, or a time (as \"24h\")"},
      {web + "rekey = 'sometimes'\n",
       "3:9: [certificate.web]: \"rekey\" must be \"always\", \"never\" or a duration with its unit (as \"30d\")"},
      {web + "enroll = '/token'\n", "3:10: [certificate.web]: \"enroll\" must be a table"},
      {web + "enroll = {}\n",
       "3:10: [certificate.web] enroll: give exactly one of \"token-file\", \"token-command\" and \"password-file\""},
      {web + "enroll = { token-file = '/t', password-file = '/p' }\n",
       "3:10: [certificate.web] enroll: give exactly one of \"token-file\", \"token-command\" and \"password-file\""},
      {web + "enroll = { provisioner = 'admin' }\n",
       "3:26: [certificate.web] enroll: \"provisioner\" goes with \"password-file\""},
      {web + "enroll = { token-file = 'token' }\n",
       "3:25: [certificate.web] enroll: \"token-file\" must be an absolute path"},
      {web + "used-by = ['ngnix']\n[proxy.nginx]\nreload = 'none'\n",
       "3:11: [certificate.web]: there is no [proxy.ngnix] (did you mean \"nginx\"?)"},
      {web + "files = { certificate = '/a.crt' }\n", "3:9: [certificate.web] files: \"key\" is missing"},
      {web + "files = { certificate = '/a.pem', key = '/a.pem' }\n", "3:9: [certificate.web]: /a.pem is written twice"},
      {web + "files = { certificate = '/b/../a.pem', key = '/a.key', combined = '/./a.pem' }\n",
       "3:9: [certificate.web]: /./a.pem is written twice"},
      {"[certificate.a]\nsubject = 'x'\nfiles = { certificate = '/a', key = '/b' }\n[certificate.b]\nsubject = 'x'\n"
       "files = { certificate = '/c', key = '/a' }\n",
       "6:9: [certificate.b]: /a is written twice: also by [certificate.a]"},
      {"[certificate.-web]\nsubject = 'x'\n",
       "1:14: [certificate.-web]: this cannot be a name (letters, digits, \"-\" and \"_\", at most 64, the first a "
       "letter or digit)"},
      {"[certificate]\nweb = 'x'\n", "2:7: [certificate.web] must be a table"},
      {"proxy = 5\n", "1:1: [ca]: unknown key \"proxy\""},  // it stands there
      {"[proxy.nginx]\n", "1:1: [proxy.nginx]: \"reload\" is missing"},
      {"[proxy.nginx]\nreload = 'nginx -s reload'\n",
       "2:10: [proxy.nginx]: \"reload\" must be a table, or \"none\" ({ systemd = \"nginx.service\" }, { "
       "exec = [\"program\", \"argument\"] } or { signal = { pid-file = \"/run/nginx.pid\" } })"},
      {"[proxy.nginx]\nreload = {}\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\" and \"exec\""},
      {"[proxy.nginx]\nreload = { exec = ['x'], signal = { pid-file = '/p' } }\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\" and \"exec\""},
      {"[proxy.nginx]\nreload = { exec = 'nginx -s reload' }\n",
       "2:19: [proxy.nginx] reload: \"exec\" must be a list of texts (write it as [\"one\", \"two\"])"},
      {"[proxy.nginx]\nreload = { signal = 'HUP' }\n", "2:21: [proxy.nginx] reload: \"signal\" must be a table"},
      {"[proxy.nginx]\nreload = { signal = { signal = 'HUP' } }\n",
       "2:21: [proxy.nginx] reload.signal: \"pid-file\" is missing"},
      {"[proxy.nginx]\nreload = { signal = { pid-file = '/p', signal = 'HUPP' } }\n",
       "2:49: [proxy.nginx] reload.signal: there is no signal \"HUPP\" (nginx reloads on \"HUP\")"},
      {"[proxy.nginx]\nreload = { time-limit = '1s' }\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\" and \"exec\""},
      {"[proxy.nginx]\nreload = { systemd = 'nginx' }\n",
       "2:22: [proxy.nginx] reload: \"nginx\" cannot be the name of a service (write it as \"nginx.service\")"},
      {"[paths]\nstate = 'state'\n", "2:9: [paths]: \"state\" must be an absolute path"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto problems = problems_of(one.text);
    CHECK(problems.size() == 1);
    CHECK((problems.empty() ? "" : problems.front()) == one.problem);
  }
}

TEST_CASE("what is wrong about the CA is told like all else") {
  const std::string url = "url = 'https://ca.internal'\n";
  const std::string root = "fingerprint = '" + fingerprint + "'\n";
  const struct {
    std::string text;
    const char* place;
    const char* said;
  } cases[] = {
      {"", "", "there is no [ca]"},
      {"[ca]\n" + root, ":1:1", "\"url\" is missing"},
      {"[ca]\nurl = 'http://ca.internal'\n" + root, ":2:7", "is not the URL of a CA"},
      {"[ca]\n" + url, ":1:1", "\"fingerprint\" is missing"},
      {"[ca]\n" + url + "fingerprint = 'abc'\n", ":3:15", "64 digits"},
      {"[ca]\n" + url + "fingerprint = 5\n", ":3:15", "must be a text"},
      {"[ca]\n" + url + root + "root = '/'\n", ":4:8", "give either"},
      {"[ca]\n" + url + "root = '/no/such/root.crt'\n", ":3:8", "there is no file /no/such/root.crt"},
      {"[ca]\n" + url + root + "roots = 'x'\n", ":4:1", "unknown key \"roots\""},
      {"[ca\n", ":1:4", ""},
      {"[ca]\n[ca]\n", ":2:", ""},
      {"x = \xff\n", ":1:", ""},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const Files files(one.text);
    const auto loaded = files.load();
    CHECK(!loaded.configuration);
    REQUIRE(loaded.problems.size() == 1);
    const auto said = to_string(loaded.problems.front());
    CHECK(said.starts_with(files.main.string() + one.place));
    CHECK(said.find(one.said) != std::string::npos);
  }
}

TEST_CASE("all problems are told at once") {
  const auto problems = problems_of(
      "[proxy.nginx]\nrelaod = 'none'\n[certificate.a]\nkey = 'dsa'\nused-by = ['apache']\n[certificate.b]\n"
      "subject = 'b'\nsurvive = '5'\n");
  CHECK(problems.size() == 6);
}

TEST_CASE("files of conf.d are read in the order of their names, after the main file") {
  const Files files(authority);
  files.add("20-b.toml", "[certificate.b]\nsubject = 'b'\nused-by = ['nginx']\n");
  files.add("10-a.toml", "[proxy.nginx]\nreload = 'none'\n[certificate.a]\nsubject = 'a'\n");
  files.add("README", "not TOML");
  files.add(".#20-b.toml", "what an editor leaves");
  const auto loaded = files.load();
  for (const auto& problem : loaded.problems) MESSAGE(to_string(problem));
  REQUIRE(loaded.configuration);
  CHECK(loaded.configuration->certificates.size() == 2);
}

TEST_CASE("each file's problems name the file, in their order") {
  const Files files("[ca]\n");
  files.add("20-b.toml", "[certificate.b]\n");
  files.add("10-a.toml", "x = 1\n");
  const auto loaded = files.load();
  std::vector<std::string> names;
  for (const auto& problem : loaded.problems) names.push_back(problem.file.filename());
  CHECK(names == std::vector<std::string>{"everleaf.toml", "everleaf.toml", "10-a.toml", "20-b.toml"});
}

TEST_CASE("what is defined once is not defined again, in no file") {
  for (const auto* text : {"[certificate.web]\nsubject = 'x'\n", "[proxy.nginx]\nreload = 'none'\n",
                           "[paths]\nstate = '/srv/everleaf'\n"}) {
    const Files files(authority + text);
    files.add("again.toml", text);
    const auto loaded = files.load();
    REQUIRE(loaded.problems.size() == 1);
    CHECK(loaded.problems.front().file.filename() == "again.toml");
    CHECK(loaded.problems.front().line == 1);
  }
  const Files files(authority);
  files.add("again.toml", authority);
  CHECK(files.load().problems.size() == 1);
}

TEST_CASE("a file that others may write, or that somebody else owns, is refused") {
  for (const auto permission : {fs::perms::group_write, fs::perms::others_write}) {
    const Files files(authority);
    files.add("more.toml", "");
    fs::permissions(files.directory / "conf.d" / "more.toml", permission, fs::perm_options::add);
    const auto loaded = files.load();
    REQUIRE(loaded.problems.size() == 1);
    CHECK(loaded.problems.front().text.find("others may write it") != std::string::npos);
    CHECK(loaded.problems.front().hint.starts_with("chmod go-w "));
  }
  if (::geteuid() != 0) return;
  const Files files(authority);
  REQUIRE(::chown(files.main.c_str(), 12345, 12345) == 0);
  REQUIRE(files.load().problems.size() == 1);
  CHECK(files.load().problems.front().text.find("neither root nor we own it") != std::string::npos);
}

TEST_CASE("a main file that is not there is a problem, not an empty configuration") {
  const TemporaryDirectory directory(memory());
  const auto loaded = load_configuration(directory / "everleaf.toml");
  REQUIRE(loaded.problems.size() == 1);
  CHECK(to_string(loaded.problems.front()).ends_with("No such file or directory"));
}

TEST_CASE("a conf.d that cannot be read is a problem") {
  const Files files(authority);
  write(files.directory / "conf.d", "no directory");
  CHECK(files.load().problems.size() == 1);
}

TEST_CASE("who cannot go on without a configuration hears of the first problem, and how many there are") {
  const Files files(authority + "[proxy.a]\n[proxy.b]\n");
  try {
    require_configuration(files.main);
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::configuration);
    CHECK(std::string(error.what()) == files.main.string() + ":4:1: [proxy.a]: \"reload\" is missing (and 1 more)");
    CHECK(error.hint() == "\"everleafd --check\" names all problems");
  }
  CHECK(require_configuration(Files(authority).main).certificates.empty());
}

TEST_CASE("names are fit for paths and metrics") {
  for (const auto* name : {"a", "0", "web", "web-1_b", "A"}) CHECK_MESSAGE(is_valid_name(name), name);
  CHECK(is_valid_name(std::string(64, 'x')));
  CHECK(!is_valid_name(std::string(65, 'x')));
  for (const auto* name : {"", "-a", "_a", ".a", "a.b", "a/b", "a b", "a\n", "\xc3\xbc"})
    CHECK_MESSAGE(!is_valid_name(name), name);
}
