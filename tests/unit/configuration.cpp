// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <set>

#include <everleaf/config/secrets.hpp>
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

TEST_CASE("where everleafd listens can be told from a configuration with problems, and is else the usual place") {
  CHECK(Files("[paths]\nstate = '/srv/everleaf'\nnonsense = 1\n").load().socket == "/srv/everleaf/everleaf.sock");
  CHECK(Files("[paths]\nsocket = '/run/other.sock'\n").load().socket == "/run/other.sock");
  for (const auto* text : {"nonsense = 1", "[paths", "[paths]\nsocket = 5\n"})
    CHECK(Files(text).load().socket == usual_socket);
  const Files half("[paths");
  half.add("paths.toml", "[paths]\nsocket = '/run/other.sock'\n");
  CHECK(half.load().socket == "/run/other.sock");
}

TEST_CASE("the least that is needed is the CA; the rest has defaults") {
  const auto configuration = good("");
  CHECK(configuration.authority.url.origin() == "https://ca.internal:9443");
  CHECK(std::get<Fingerprint>(configuration.authority.root).hex() == fingerprint);
  CHECK(configuration.state == "/var/lib/everleaf");
  CHECK(configuration.live_parent() == "/var/lib/everleaf/live");
  CHECK(configuration.proxies.empty());
  CHECK(configuration.certificates.empty());
}

TEST_CASE("the socket is where it always is, in a state directory of one's own, or where it was put") {
  CHECK(good("").socket_path() == "/run/everleaf/everleaf.sock");
  CHECK(good("[paths]\nstate = '/srv/everleaf'\n").socket_path() == "/srv/everleaf/everleaf.sock");
  CHECK(good("[paths]\nstate = '/srv/everleaf'\nsocket = '/run/x'\n").socket_path() == "/run/x");
}

TEST_CASE("metrics are listened for at an address") {
  CHECK(!good("").metrics);
  CHECK(good("[metrics]\nlisten = '127.0.0.1:9464'\n").metrics == ListenAddress{"127.0.0.1", 9464});
  CHECK(good("[metrics]\nlisten = '[::]:1'\n").metrics == ListenAddress{"::", 1});
  for (const std::string wrong :
       {"9464", ":9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "::1:9464", "127.0.0.1:65536",
        "127.0.0.1:-1", "[127.0.0.1]:1", "[::1]", "127.0.0.1:9464 "})
    CHECK_MESSAGE(problems_of("[metrics]\nlisten = '" + wrong + "'\n") ==
                      std::vector<std::string>{"2:10: [metrics]: \"listen\" must be an IP address and a port (as "
                                               "\"127.0.0.1:9464\" or \"[::1]:9464\")"},
                  wrong);
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

TEST_CASE("the CA may be at several places, in the order of preference") {
  const Files files("[ca]\nurl = ['a.internal', 'https://b.internal:9443']\nfingerprint = '" + fingerprint + "'\n");
  const auto ca = files.load().configuration.value().authority;
  CHECK(ca.url == HttpsUrl::parse("https://a.internal"));
  CHECK(ca.stand_ins == std::vector{HttpsUrl::parse("https://b.internal:9443")});
}

TEST_CASE("several roots may be configured, and what becomes of others") {
  const std::string other(64, 'b');
  const Files files("[ca]\nurl = 'ca'\nfingerprint = ['" + fingerprint + "', '" + other + "']\nroots = 'follow'\n");
  const auto ca = files.load().configuration.value().authority;
  CHECK(std::get<Fingerprint>(ca.root).hex() == fingerprint);
  CHECK(ca.more_roots == std::vector{Fingerprint::parse(other).value()});
  CHECK(ca.roots == RootsRule::follow);
  CHECK(good("").authority.roots == RootsRule::pinned);
}

TEST_CASE("how many may ask the CA at a time is a number") {
  const std::string ca = "[ca]\nurl = 'ca'\nfingerprint = '" + fingerprint + "'\nat-a-time = ";
  CHECK(Files(ca + "64\n").load().configuration.value().authority.at_a_time == 64);
  CHECK(good("").authority.at_a_time == 4);
  for (const std::string wrong : {"0", "-1", "65", "9223372036854775807", "2.0", "'2'", "true"}) {
    CAPTURE(wrong);
    const auto problems = Files(ca + wrong + "\n").load().problems;
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].text == "[ca]: \"at-a-time\" must be a number from 1 to 64");
  }
}

TEST_CASE("a list of places of the CA has to name some, each once") {
  const struct {
    const char* list;
    const char* problem;
  } cases[] = {{"[]", "[ca]: \"url\" is an empty list"},
               {"['a', 'https://a']", "[ca]: \"url\" names https://a twice"},
               {"['http://a']", "[ca]: \"http://a\" is not the URL of a CA"},
               {"[7]", "[ca]: \"url\" must be a list of texts"}};
  for (const auto& [list, problem] : cases) {
    const Files files("[ca]\nurl = " + std::string(list) + "\nfingerprint = '" + fingerprint + "'\n");
    const auto loaded = files.load();
    REQUIRE(loaded.problems.size() == 1);
    CHECK(loaded.problems.front().text == problem);
    CHECK(loaded.problems.front().line == 2);
  }
}

TEST_CASE("a certificate of an X5C provisioner is a way to enroll") {
  const auto web = certificate("enroll = { x5c = { certificate = '/a.crt', key = '/a.key' }, provisioner = 'hosts' }");
  const auto& credential = std::get<X5cCredential>(*web.enroll);
  CHECK(credential.provisioner == "hosts");
  CHECK(credential.certificate == "/a.crt");
  CHECK(credential.key == "/a.key");
}

TEST_CASE("there are more ways to enroll, and three rules for new keys") {
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
  const auto haproxy = std::get<ReloadByHaproxySocket>(reload_of("{ haproxy = { socket = '/s' } }"));
  CHECK(haproxy.socket == "/s");
  CHECK(haproxy.certificate.empty());
  CHECK(std::get<ReloadByHaproxySocket>(reload_of("{ haproxy = { socket = '/s', certificate = '/c' } }")).certificate ==
        "/c");
}

TEST_CASE("who may read the key") {
  CHECK(!certificate("").mode);
  CHECK(certificate("mode = '0640'").mode == 0640);
  CHECK(certificate("mode = '400'").mode == 0400);
  CHECK(certificate("readers = ['root', 'daemon']").readers == std::vector<gid_t>{0, 1});
  CHECK(certificate("").readers.empty());
  CHECK(!certificate("").owner);
  if (::geteuid() == 0) CHECK(certificate("owner = 'daemon'").owner == 1);
}

TEST_CASE("a proxy can have a check") {
  CHECK(proxy_with("'none'").check.empty());
  CHECK(proxy_with("'none'\ncheck = ['haproxy', '-c']").check == std::vector<std::string>{"haproxy", "-c"});
}

TEST_CASE("a mode that lets everybody read a key, or not its owner, is refused") {
  for (const auto* mode : {"0644", "0604", "0040", "4600", "0700", "640 ", "0x1a0", "rw-r-----", "00640", "8"})
    CHECK(problems_of("[certificate.web]\nsubject = 'x'\nmode = '" + std::string(mode) + "'\n") ==
          std::vector<std::string>{
              "3:8: [certificate.web]: \"mode\" must be octal digits that let its owner read the key, "
              "and not everybody (as \"0640\"; \"readers\" gives it to groups that own nothing)"});
}

TEST_CASE("what is not UTF-8 is refused before the parser sees it") {
  for (const auto* text : {"[ca]\nurl = 'x'\nenroll\xca\xca\xca 2", "[ca]\nurl = 'x'\nname = '\xff'\n", "\n\n\xc3"})
    CHECK(problems_of(text) == std::vector<std::string>{"3:1: not UTF-8, as TOML is"});
}

TEST_CASE("letters beyond ASCII outside strings are an error of their line") {
  for (const auto* text : {"\n\n\u0394 = 1", "\n\na = 56\"f4\u0299c\"\n", "\n\n[\u0394]", "\n\na = 5\u0299"}) {
    CAPTURE(text);
    const auto problems = problems_of(text);
    REQUIRE_FALSE(problems.empty());
    CHECK(problems.front().starts_with("3:"));
  }
}

TEST_CASE("a byte order mark at the beginning is no mistake") {
  const Files files("\xef\xbb\xbf" + authority);
  CHECK(files.load().configuration.has_value());
}

TEST_CASE("what ends in the middle of a table's name is an error of the file") {
  for (const auto* text : {"[\n", "[[\n", "[ca.\n"}) {
    CAPTURE(text);
    const auto problems = problems_of(text);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].starts_with("1:"));
  }
}

TEST_CASE("an owner is only for root") {
  if (::geteuid() != 0) return;
  struct Nobody {
    Nobody() { REQUIRE(::seteuid(65534) == 0); }
    ~Nobody() { CHECK(::seteuid(0) == 0); }
  };
  Files files(authority + "[certificate.web]\nsubject = 'x'\nowner = 'daemon'\n");
  REQUIRE(::chmod(files.directory.path().c_str(), 0755) == 0);
  const Nobody nobody;
  const auto loaded = files.load();
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].text == "[certificate.web]: \"owner\" works only for root");
}

TEST_CASE("a probe is about the only certificate of its proxy, or says which") {
  const auto one = good(
                       "[proxy.nginx]\nreload = 'none'\nprobe = { echo = 'http://127.0.0.1:9181/e', upstream = "
                       "'backend.internal:443', tls = '127.0.0.1:443' }\n"
                       "[certificate.web]\nsubject = 'web'\nused-by = ['nginx']\n")
                       .proxies.at("nginx")
                       .probes;
  REQUIRE(one.size() == 1);
  CHECK(one[0].certificate == "web");
  CHECK(one[0].echo->text() == "http://127.0.0.1:9181/e");
  CHECK(one[0].upstream->text() == "backend.internal:443");
  CHECK(one[0].tls->text() == "127.0.0.1:443");
  for (const std::string probes :
       {"[proxy.nginx]\nreload = 'none'\nprobe = [{ certificate = 'web', tls = '[::1]:443' }, { certificate = 'mail', "
        "tls = 'a:25' }]\n[certificate.web]\nsubject = 'web'\nused-by = ['nginx']\n[certificate.mail]\nsubject = "
        "'mail'\nused-by = ['nginx']\n",
        "[certificate.web]\nsubject = 'web'\nused-by = ['nginx']\nprobe = { tls = '[::1]:443' }\n[certificate.mail]\n"
        "subject = 'mail'\nused-by = ['nginx', 'postfix']\nprobe = { proxy = 'nginx', tls = 'a:25' }\n"
        "[proxy.nginx]\nreload = 'none'\n[proxy.postfix]\nreload = 'none'\n"}) {
    const auto two = good(probes).proxies.at("nginx").probes;
    REQUIRE(two.size() == 2);
    for (const auto& probe : two) CHECK(probe.tls->text() == (probe.certificate == "web" ? "[::1]:443" : "a:25"));
    CHECK(two[0].certificate != two[1].certificate);
  }
}

TEST_CASE("a probe that is no probe, or about the wrong certificate, is told") {
  const std::string proxy = "[proxy.nginx]\nreload = 'none'\nprobe = ";
  const std::string web = "\n[certificate.web]\nsubject = 'web'\nused-by = ['nginx']\n";
  const std::string mail =
      "[certificate.mail]\nsubject = 'mail'\nused-by = ['nginx', 'p2']\n[proxy.p2]\nreload='none'\n";
  using Problems = std::vector<std::string>;
  CHECK(problems_of(proxy + "'x'" + web) ==
        Problems{"3:9: [proxy.nginx] probe must be a table, or a list of tables ({ echo = "
                 "\"http://127.0.0.1:9181/everleaf\" } or { tls = \"127.0.0.1:443\" })"});
  CHECK(problems_of(proxy + "{ certificate = 'web' }" + web) ==
        Problems{"3:9: [proxy.nginx] probe: give one of \"echo\", \"upstream\" and \"tls\" at least"});
  CHECK(problems_of(proxy + "{ tls = 'x' }" + web) ==
        Problems{"3:17: [proxy.nginx] probe: \"x\" is not a host and a port (it looks like backend.internal:443)"});
  CHECK(problems_of(proxy + "{ tls = 'x:1' }\n") ==
        Problems{"3:9: [proxy.nginx] probe: there is no certificate that it could be about"});
  CHECK(problems_of(proxy + "{ tls = 'x:1' }" + web + mail) ==
        Problems{"3:9: [proxy.nginx] probe: say with \"certificate\" which of mail, web it is about"});
  CHECK(problems_of(proxy + "{ tls = 'x:1', certificate = 'b' }" + web) ==
        Problems{"3:9: [proxy.nginx] probe: [certificate.b] has nothing to do with it"});
  CHECK(problems_of(proxy + "[{ tls = 'x:1' }, { tls = 'x:2' }]" + web) ==
        Problems{"3:27: [proxy.nginx] probe: there is more than one for web and nginx"});
  CHECK(problems_of("[proxy.nginx]\nreload = 'none'" + web + mail +
                    "[certificate.c]\nsubject='c'\nprobe={tls='x:1'}\n"
                    "used-by = ['nginx', 'p2']\n") ==
        Problems{"13:7: [certificate.c] probe: say with \"proxy\" which of nginx, p2 it is about"});
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
      {web + "\"a\\u001b\" = 'x'\n",
       "3:1: [certificate.web]: unknown key \"a\\x1b\" (known here: subject, names, key, enroll, rekey, survive, "
       "not-after, files, mode, owner, readers, used-by, probe)"},
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
       "3:9: [certificate.web]: \"names\" is an empty list (leave it out, or write it as [\"one\", \"two\"])"},
      {"[proxy.nginx]\nreload = 'none'\n" + web + "used-by = ['nginx']\nqqq = 'x'\n",
       "6:1: [certificate.web]: unknown key \"qqq\" (known here: subject, names, key, enroll, rekey, survive, "
       "not-after, files, mode, owner, readers, used-by, probe)"},
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
      {web + "readers = ['root', 'no-such-group']\n",
       "3:11: [certificate.web]: there is no group \"no-such-group\" (\"getent group\" lists them)"},
      {web + "owner = 'nobody-at-all'\n", "3:9: [certificate.web]: there is no user \"nobody-at-all\""},
      {web + "enroll = '/token'\n", "3:10: [certificate.web]: \"enroll\" must be a table"},
      {web + "enroll = {}\n",
       "3:10: [certificate.web] enroll: give exactly one of \"token-file\", \"token-command\", \"password-file\" and "
       "\"x5c\""},
      {web + "enroll = { token-file = '/t', password-file = '/p' }\n",
       "3:10: [certificate.web] enroll: give exactly one of \"token-file\", \"token-command\", \"password-file\" and "
       "\"x5c\""},
      {web + "enroll = { x5c = { certificate = '/a' } }\n", "3:18: [certificate.web] enroll.x5c: \"key\" is missing"},
      {web + "enroll = { provisioner = 'admin' }\n",
       "3:26: [certificate.web] enroll: \"provisioner\" goes with \"password-file\" or \"x5c\""},
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
      {"proxy = 5\n",
       "1:1: [ca]: unknown key \"proxy\" (known here: url, fingerprint, root, roots, at-a-time)"},  // it stands there
      {"[proxy.nginx]\n", "1:1: [proxy.nginx]: \"reload\" is missing"},
      {"[proxy.nginx]\nreload = 'nginx -s reload'\n",
       "2:10: [proxy.nginx]: \"reload\" must be a table, or \"none\" ({ systemd = \"nginx.service\" }, { "
       "exec = [\"program\", \"argument\"] }, { signal = { pid-file = \"/run/nginx.pid\" } } or { haproxy = { socket = "
       "\"/run/haproxy/everleaf.sock\" } })"},
      {"[proxy.nginx]\nreload = {}\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\", \"exec\" and \"haproxy\""},
      {"[proxy.nginx]\nreload = { exec = ['x'], signal = { pid-file = '/p' } }\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\", \"exec\" and \"haproxy\""},
      {"[proxy.nginx]\nreload = { exec = 'nginx -s reload' }\n",
       "2:19: [proxy.nginx] reload: \"exec\" must be a list of texts (write it as [\"one\", \"two\"])"},
      {"[proxy.nginx]\nreload = { signal = 'HUP' }\n", "2:21: [proxy.nginx] reload: \"signal\" must be a table"},
      {"[proxy.nginx]\nreload = { signal = { signal = 'HUP' } }\n",
       "2:21: [proxy.nginx] reload.signal: \"pid-file\" is missing"},
      {"[proxy.nginx]\nreload = { signal = { pid-file = '/p', signal = 'HUPP' } }\n",
       "2:49: [proxy.nginx] reload.signal: there is no signal \"HUPP\" (nginx reloads on \"HUP\")"},
      {"[proxy.nginx]\nreload = { time-limit = '1s' }\n",
       "2:10: [proxy.nginx] reload: give exactly one of \"systemd\", \"signal\", \"exec\" and \"haproxy\""},
      {"[proxy.nginx]\nreload = { systemd = 'nginx' }\n",
       "2:22: [proxy.nginx] reload: \"nginx\" cannot be the name of a service (write it as \"nginx.service\")"},
      {"[proxy.x]\nreload = { haproxy = {} }\n", "2:22: [proxy.x] reload.haproxy: \"socket\" is missing"},
      {"[proxy.x]\nreload = { haproxy = { socket = '/s', certificate = 'a;b' } }\n",
       "2:53: [proxy.x] reload.haproxy: \"certificate\" cannot be the name of one in HAProxy (the path in its "
       "configuration, without blanks, quotes and semicolons)"},
      {"[proxy.x]\nreload = { haproxy = { socket = '/s', certificate = '/c' } }\n[certificate.a]\nsubject = 'a'\n"
       "used-by = ['x']\n[certificate.b]\nsubject = 'b'\nused-by = ['x']\n",
       "8:11: [certificate.b]: [proxy.x] gives the name of one certificate, and has it already (leave \"certificate\" "
       "out there: each then goes by the path of its own file)"},
      {"[paths]\nstate = 'state'\n", "2:9: [paths]: \"state\" must be an absolute path"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto problems = problems_of(one.text);
    CHECK(problems.size() == 1);
    CHECK((problems.empty() ? "" : problems.front()) == one.problem);
  }
}

TEST_CASE("what is nested very deeply is refused before it is parsed") {
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  for (const auto& text : {dots + " = 1", "[" + dots + "]", "a = " + std::string(100'000, '[')})
    CHECK(problems_of("\n" + text) == std::vector<std::string>{"2:1: nested deeper than any configuration"});
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
      {"[ca]\n" + url + root + "roots = 'x'\n", ":4:9", "must be \"pinned\" or \"follow\""},
      {"[ca]\n" + url + "fingerprint = []\n", ":3:15", "is an empty list"},
      {"[ca]\n" + url + root + "root5 = 'x'\n", ":4:1", "unknown key \"root5\""},
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

TEST_CASE("a file that cannot be read is named once") {
  const Files files(authority);
  fs::remove(files.main);
  fs::create_directory(files.main);
  const auto missing = files.directory / "none.toml";
  CHECK(to_string(load_configuration(files.main).problems.front()) ==
        files.main.string() + ": cannot read it: not a regular file");
  CHECK(to_string(load_configuration(missing).problems.front()) ==
        missing.string() + ": cannot read it: No such file or directory");
}

TEST_CASE("what a configuration has is counted, in the singular where it is one") {
  const std::string web = "[certificate.web]\nsubject = 'x'\n";
  const std::string nginx = "[proxy.nginx]\nreload = 'none'\n";
  CHECK(contents_of(good(web + nginx)) == "1 certificate, 1 proxy");
  CHECK(contents_of(good(web)) == "1 certificate, 0 proxies");
  CHECK(contents_of(good(web + "[certificate.two]\nsubject = 'y'\n" + nginx + "[proxy.two]\nreload = 'none'\n")) ==
        "2 certificates, 2 proxies");
}

TEST_CASE("secrets that everybody may read are found, each once, and nothing that is not there") {
  const Files files("");
  const auto file = [&](const char* name, mode_t mode) {
    const auto path = files.directory / name;
    write(path, "x");
    ::chmod(path.c_str(), mode);
    return path.string();
  };
  const auto web = [](const std::string& name, const std::string& enroll) {
    return "[certificate." + name + "]\nsubject = 'x'\nenroll = { " + enroll + " }\n";
  };
  const auto password = file("password", 0644), token = file("token", 0604), key = file("key", 0664);
  const auto configuration =
      good(web("one", "provisioner = 'a', password-file = '" + password + "'") +
           web("two", "password-file = '" + password + "'") + web("three", "token-file = '" + token + "'") +
           web("four", "provisioner = 'a', x5c = { certificate = '" + password + "', key = '" + key + "' }") +
           web("five", "token-file = '" + file("closed", 0640) + "'") + web("six", "token-file = '/no/such/token'") +
           web("seven", "token-command = ['" + password + "']"));
  CHECK(secrets_for_everybody(configuration) == std::set<fs::path>{key, password, token});
}
