// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <everleaf/config/nearest.hpp>
#include <everleaf/config/nesting.hpp>
#include <everleaf/config/probe_reader.hpp>
#include <everleaf/config/toml_reader.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/process/haproxy_socket.hpp>
#include <everleaf/process/signal.hpp>
#include <everleaf/systemd/service_name.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

namespace fs = std::filesystem;

// What all files together define. Places are kept for the checks that can only be made at the end.
struct Draft {
  std::vector<HttpsUrl> urls;
  std::optional<std::variant<Fingerprint, fs::path>> root;
  bool has_authority = false;
  bool has_paths = false;
  bool has_metrics = false;
  Configuration configuration{.authority = {HttpsUrl::parse("https://unset"), Fingerprint{}}};
  struct Use {
    ConfigurationProblem place;  // to be completed by the text
    std::string proxy;
  };
  std::vector<Use> uses;
  std::vector<ProbeDraft> probes;
  std::map<fs::path, std::string> owner_of_path;
};

// A text, or a list of at least one.
std::vector<std::string> one_or_more(const std::string& key, const toml::table& table, TableReader& reader) {
  const auto* node = table.get(key);
  if (node != nullptr && node->is_array()) return reader.texts(key);
  const auto text = reader.text(key);
  return text ? std::vector{*text} : std::vector<std::string>{};
}

std::vector<HttpsUrl> read_urls(const toml::table& table, TableReader& reader) {
  std::vector<HttpsUrl> urls;
  for (const auto& text : one_or_more("url", table, reader)) try {
      auto url = HttpsUrl::parse(text);
      if (std::find(urls.begin(), urls.end(), url) != urls.end())
        reader.complain("url", "\"url\" names " + url.origin() + " twice");
      urls.push_back(std::move(url));
    } catch (const Error& error) {
      reader.complain("url", error.what(), error.hint());
    }
  return urls;
}

void read_fingerprints(const std::vector<std::string>& texts, const TableReader& reader, Draft& draft) {
  for (const auto& text : texts) {
    const auto parsed = Fingerprint::parse(text);
    if (!parsed)
      reader.complain("fingerprint", "\"fingerprint\" must be a SHA-256 in hex: 64 digits");
    else if (!draft.root)
      draft.root = *parsed;
    else
      draft.configuration.authority.more_roots.push_back(*parsed);
  }
}

void read_roots_rule(TableReader& reader, Draft& draft) {
  const auto text = reader.text("roots").value_or("pinned");
  if (text == "follow")
    draft.configuration.authority.roots = RootsRule::follow;
  else if (text != "pinned")
    reader.complain("roots", "\"roots\" must be \"pinned\" or \"follow\"");
}

void read_authority(const toml::table& table, Draft& draft, const ProblemList& problems) {
  TableReader reader(table, "[ca]", problems);
  if (std::exchange(draft.has_authority, true)) reader.complain("", "there is more than one [ca]");
  reader.require("url");
  draft.urls = read_urls(table, reader);
  const auto fingerprints = one_or_more("fingerprint", table, reader);
  const auto root = reader.path("root");
  if (!fingerprints.empty() && root) reader.complain("root", "give either \"fingerprint\" or \"root\"");
  if (!fingerprints.empty()) {
    read_fingerprints(fingerprints, reader, draft);
  } else if (root) {
    std::error_code none;
    if (!fs::exists(*root, none)) reader.complain("root", "there is no file " + root->string());
    draft.root = *root;
  } else if (table.get("fingerprint") == nullptr && table.get("root") == nullptr) {
    reader.complain("", "\"fingerprint\" is missing", "or give \"root\", the path of the root certificate");
  }
  read_roots_rule(reader, draft);
  if (const auto number = reader.number("at-a-time", 64)) draft.configuration.authority.at_a_time = *number;
  reader.finish();
}

void read_paths(const toml::table& table, Draft& draft, const ProblemList& problems) {
  TableReader reader(table, "[paths]", problems);
  if (std::exchange(draft.has_paths, true)) reader.complain("", "there is more than one [paths]");
  if (const auto state = reader.path("state")) draft.configuration.state = *state;
  if (const auto socket = reader.path("socket")) draft.configuration.socket = *socket;
  reader.finish();
}

// "127.0.0.1:9464", "[::1]:9464"
std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto address = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool bracketed = address.starts_with('[') && address.ends_with(']');
  if (bracketed) address = address.substr(1, address.size() - 2);
  ListenAddress result{std::string(address)};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  in6_addr binary{};
  const bool is_address = ::inet_pton(bracketed ? AF_INET6 : AF_INET, result.address.c_str(), &binary) == 1;
  if (!is_address || error != std::errc{} || end != port.data() + port.size() || result.port == 0) return std::nullopt;
  return result;
}

void read_metrics(const toml::table& table, Draft& draft, const ProblemList& problems) {
  TableReader reader(table, "[metrics]", problems);
  if (std::exchange(draft.has_metrics, true)) reader.complain("", "there is more than one [metrics]");
  reader.require("listen");
  if (const auto text = reader.text("listen")) {
    draft.configuration.metrics = parse_listen_address(*text);
    if (!draft.configuration.metrics)
      reader.complain("listen", "\"listen\" must be an IP address and a port",
                      "as \"127.0.0.1:9464\" or \"[::1]:9464\"");
  }
  reader.finish();
}

std::optional<ReloadMethod> read_signal(const toml::table& table, const std::string& title,
                                        const ProblemList& problems) {
  TableReader reader(table, title, problems);
  reader.require("pid-file");
  const auto pid_file = reader.path("pid-file");
  const auto text = reader.text("signal").value_or("HUP");
  const auto signal = parse_signal(text);
  if (!signal) reader.complain("signal", "there is no signal \"" + escape(text) + "\"", "nginx reloads on \"HUP\"");
  reader.finish();
  if (!pid_file || !signal) return std::nullopt;
  return ReloadBySignal{*pid_file, *signal};
}

std::optional<ReloadMethod> read_unit(const std::string& unit, const TableReader& reader) {
  if (is_service_name(unit)) return ReloadByUnit{unit};
  reader.complain("systemd", "\"" + escape(unit) + "\" cannot be the name of a service",
                  "write it as \"nginx.service\"");
  return std::nullopt;
}

std::optional<ReloadMethod> read_haproxy(const toml::table& table, const std::string& title,
                                         const ProblemList& problems) {
  TableReader reader(table, title, problems);
  reader.require("socket");
  const auto socket = reader.path("socket");
  const auto certificate = reader.text("certificate");
  if (certificate && !is_haproxy_name(*certificate))
    reader.complain("certificate", "\"certificate\" cannot be the name of one in HAProxy",
                    "the path in its configuration, without blanks, quotes and semicolons");
  reader.finish();
  if (!socket) return std::nullopt;
  return ReloadByHaproxySocket{*socket, certificate.value_or("")};
}

void read_reload(const toml::node& node, const std::string& title, Proxy& proxy, const ProblemList& problems) {
  if (node.value_exact<std::string>() == "none") return;
  const auto* table = node.as_table();
  if (table == nullptr)
    return problems.add(
        node.source(), title + ": \"reload\" must be a table, or \"none\"",
        "{ systemd = \"nginx.service\" }, { exec = [\"program\", \"argument\"] }, { signal = { pid-file = "
        "\"/run/nginx.pid\" } } or { haproxy = { socket = \"/run/haproxy/everleaf.sock\" } }");
  TableReader reader(*table, title + " reload", problems);
  const auto unit = reader.text("systemd");
  const auto* signal = reader.table("signal");
  const auto argv = reader.texts("exec");
  const auto* haproxy = reader.table("haproxy");
  if (const auto limit = reader.duration("time-limit"))
    proxy.time_limit = std::chrono::ceil<std::chrono::milliseconds>(*limit);
  reader.finish();
  if (table->contains("systemd") + table->contains("signal") + table->contains("exec") + table->contains("haproxy") !=
      1)
    return reader.complain("", "give exactly one of \"systemd\", \"signal\", \"exec\" and \"haproxy\"");
  std::optional<ReloadMethod> method;
  if (unit) method = read_unit(*unit, reader);
  if (signal != nullptr) method = read_signal(*signal, title + " reload.signal", problems);
  if (!argv.empty()) method = ReloadByExec{argv};
  if (haproxy != nullptr) method = read_haproxy(*haproxy, title + " reload.haproxy", problems);
  if (method) proxy.reload = std::move(*method);
}

void read_proxy(const std::string& name, const toml::table& table, Draft& draft, const ProblemList& problems) {
  const auto title = "[proxy." + name + "]";
  TableReader reader(table, title, problems);
  reader.require("reload");
  Proxy proxy{.name = name, .reload = NoReload{}, .check = reader.texts("check")};
  if (const auto* reload = reader.node("reload")) read_reload(*reload, title, proxy, problems);
  if (const auto* probe = reader.node("probe"))
    for (auto& one : read_probes(*probe, ProbeOf::proxy, name, problems)) draft.probes.push_back(std::move(one));
  reader.finish();
  if (!draft.configuration.proxies.emplace(name, std::move(proxy)).second)
    reader.complain("", "is defined a second time");
}

X5cCredential read_x5c(const toml::table& table, const std::string& provisioner, const std::string& title,
                       const ProblemList& problems) {
  TableReader reader(table, title + " enroll.x5c", problems);
  reader.require("certificate");
  reader.require("key");
  X5cCredential credential{provisioner, reader.path("certificate").value_or(""), reader.path("key").value_or("")};
  reader.finish();
  return credential;
}

std::optional<Enrollment> read_enrollment(const toml::table& table, const std::string& title,
                                          const ProblemList& problems) {
  TableReader reader(table, title + " enroll", problems);
  std::vector<Enrollment> found;
  if (const auto path = reader.path("token-file")) found.emplace_back(TokenFile{*path});
  if (auto argv = reader.texts("token-command"); !argv.empty()) found.emplace_back(TokenCommand{std::move(argv)});
  const auto provisioner = reader.text("provisioner");
  const auto* x5c = reader.table("x5c");
  if (x5c != nullptr) found.emplace_back(read_x5c(*x5c, provisioner.value_or(""), title, problems));
  if (const auto path = reader.path("password-file"))
    found.emplace_back(ProvisionerPassword{provisioner.value_or(""), *path});
  else if (provisioner && x5c == nullptr)
    reader.complain("provisioner", "\"provisioner\" goes with \"password-file\" or \"x5c\"");
  reader.finish();
  if (found.size() == 1) return found.front();
  if (found.size() > 1 || table.empty())
    reader.complain("", "give exactly one of \"token-file\", \"token-command\", \"password-file\" and \"x5c\"");
  return std::nullopt;
}

std::optional<RekeyRule> read_rekey(TableReader& reader) {
  const auto text = reader.text("rekey");
  if (!text) return std::nullopt;
  if (*text == "always") return RekeyAlways{};
  if (*text == "never") return RekeyNever{};
  const auto age = parse_duration(*text);
  if (age && *age > Duration{0}) return RekeyAfter{std::chrono::duration_cast<std::chrono::seconds>(*age)};
  reader.complain("rekey", "\"rekey\" must be \"always\", \"never\" or a duration with its unit", "as \"30d\"");
  return std::nullopt;
}

GivenFiles read_files(const toml::table& table, const std::string& title, const ProblemList& problems) {
  TableReader reader(table, title + " files", problems);
  reader.require("certificate");
  reader.require("key");
  GivenFiles files{reader.path("certificate").value_or(""), reader.path("key").value_or(""),
                   reader.path("combined").value_or(""), reader.path("root").value_or("")};
  reader.finish();
  return files;
}

// Three or four octal digits. Who may write or read a key has to be said with care, so what lets everybody is refused.
std::optional<mode_t> parse_mode(const std::string& text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos) return std::nullopt;
  const auto mode = static_cast<mode_t>(std::stoul(text, nullptr, 8));
  return (mode & 0400) != 0 && (mode & ~0660U) == 0 ? std::optional(mode) : std::nullopt;
}

void read_access(TableReader& reader, ManagedCertificate& certificate) {
  if (const auto text = reader.text("mode")) {
    certificate.mode = parse_mode(*text);
    if (!certificate.mode)
      reader.complain("mode", "\"mode\" must be octal digits that let its owner read the key, and not everybody",
                      "as \"0640\"; \"readers\" gives it to groups that own nothing");
  }
  if (const auto name = reader.text("owner")) {
    certificate.owner = find_user(*name);
    if (!certificate.owner)
      reader.complain("owner", "there is no user \"" + escape(*name) + "\"");
    else if (geteuid() != 0)
      reader.complain("owner", "\"owner\" works only for root", "\"readers\" lets a group of that user read the key");
  }
  for (const auto& name : reader.texts("readers")) {
    const auto group = find_group(name);
    if (group) certificate.readers.push_back(*group);
    if (!group) reader.complain("readers", "there is no group \"" + escape(name) + "\"", "\"getent group\" lists them");
  }
}

void claim_paths(const ManagedCertificate& certificate, const TableReader& reader, Draft& draft) {
  if (!certificate.files) return;
  const auto& files = *certificate.files;
  for (const auto& path : {files.certificate, files.key, files.combined, files.root}) {
    if (path.empty()) continue;
    const auto [owner, added] = draft.owner_of_path.emplace(path.lexically_normal(), certificate.name);
    if (!added)
      reader.complain("files",
                      path.string() + " is written twice" +
                          (owner->second == certificate.name ? "" : ": also by [certificate." + owner->second + "]"));
  }
}

void read_certificate(const std::string& name, const toml::table& table, Draft& draft, const ProblemList& problems) {
  const auto title = "[certificate." + name + "]";
  TableReader reader(table, title, problems);
  ManagedCertificate certificate{.name = name};
  reader.require("subject");
  certificate.subject = reader.text("subject").value_or("");
  certificate.names = reader.texts("names");
  if (certificate.names.empty()) certificate.names = {certificate.subject};
  if (const auto key = reader.text("key")) {
    const auto type = parse_key_type(*key);
    if (type) certificate.key = *type;
    if (!type)
      reader.complain("key", "there is no kind of key \"" + escape(*key) + "\"",
                      "ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072 or rsa-4096");
  }
  if (const auto* enroll = reader.table("enroll")) certificate.enroll = read_enrollment(*enroll, title, problems);
  certificate.rekey = read_rekey(reader).value_or(RekeyAlways{});
  if (const auto survive = reader.duration("survive"))
    certificate.survive = std::chrono::duration_cast<std::chrono::seconds>(*survive);
  certificate.not_after = reader.text("not-after").value_or("");
  const auto asked = parse_duration(certificate.not_after);
  if (!certificate.not_after.empty() && asked.value_or(Duration{0}) <= Duration{0} &&
      !parse_time(certificate.not_after))
    reader.complain("not-after", "\"not-after\" must be a duration with its unit, or a time", "as \"24h\"");
  if (asked && certificate.survive && *certificate.survive > *asked / 2)
    reader.complain("survive", "\"survive\" is over half of the lifetime");
  certificate.used_by = reader.texts("used-by");
  for (const auto& proxy : certificate.used_by) {
    const auto& where = reader.node("used-by")->source();
    draft.uses.push_back({{problems.file, where.begin.line, where.begin.column, title, {}}, proxy});
  }
  if (const auto* probe = reader.node("probe"))
    for (auto& one : read_probes(*probe, ProbeOf::certificate, name, problems)) draft.probes.push_back(std::move(one));
  if (const auto* files = reader.table("files")) certificate.files = read_files(*files, title, problems);
  read_access(reader, certificate);
  reader.finish();
  claim_paths(certificate, reader, draft);
  if (!draft.configuration.certificates.emplace(name, std::move(certificate)).second)
    reader.complain("", "is defined a second time");
}

// [proxy.A], [proxy.B] ...
template <typename Read>
void read_named(TableReader& reader, const std::string& kind, Draft& draft, const ProblemList& problems, Read read) {
  const auto* all = reader.table(kind);
  if (all == nullptr) return;
  for (const auto& [key, value] : *all) {
    const std::string name(key.str());
    if (!is_valid_name(name))
      problems.add(key.source(), "[" + kind + "." + escape(name) + "]: this cannot be a name",
                   "letters, digits, \"-\" and \"_\", at most 64, the first a letter or digit");
    else if (const auto* table = value.as_table())
      read(name, *table, draft, problems);
    else
      problems.add(value.source(), "[" + kind + "." + name + "] must be a table");
  }
}

void read_document(const toml::table& document, Draft& draft, const ProblemList& problems) {
  TableReader reader(document, "configuration", problems);
  if (const auto* table = reader.table("ca")) read_authority(*table, draft, problems);
  if (const auto* table = reader.table("paths")) read_paths(*table, draft, problems);
  if (const auto* table = reader.table("metrics")) read_metrics(*table, draft, problems);
  read_named(reader, "proxy", draft, problems, read_proxy);
  read_named(reader, "certificate", draft, problems, read_certificate);
  reader.finish();
}

// A configuration names programs that are run and files that are overwritten.
void require_safe_owner(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) throw system_error("cannot read " + file.string(), errno);
  if (status.st_uid != 0 && status.st_uid != geteuid())
    throw Error(ErrorKind::configuration, "neither root nor we own it");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(ErrorKind::configuration, "others may write it", "chmod go-w " + file.string());
}

constexpr unsigned deepest = 32;

void read_one_file(const fs::path& file, Draft& draft, std::vector<ConfigurationProblem>& problems) {
  try {
    require_safe_owner(file);
    const auto text = read_file(file, 4 << 20);
    if (const auto good = length_of_utf8(text); good < text.size()) {
      const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(good), '\n') + 1;
      return problems.push_back({file, static_cast<unsigned>(line), 1, "not UTF-8, as TOML is", {}});
    }
    if (const auto line = line_nested_deeper_than(deepest, text))
      return problems.push_back({file, *line, 1, "nested deeper than any configuration", {}});
    read_document(toml::parse(text), draft, {file, problems});
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    problems.push_back({file, at.line, at.column, escape(error.description()), {}});
  } catch (const Error& error) {
    problems.push_back({file, 0, 0, error.what(), error.hint()});
  } catch (const std::exception& error) {
    problems.push_back({file, 0, 0, escape(error.what()), {}});
  }
}

// As a shell finds conf.d/*.toml: without what editors hide.
std::vector<fs::path> files_of(const fs::path& main_file, std::vector<ConfigurationProblem>& problems) {
  std::vector<fs::path> files;
  const auto directory = main_file.parent_path() / "conf.d";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().extension() == ".toml" && !entry.path().filename().native().starts_with('.'))
      files.push_back(entry.path());
  if (error && error != std::errc::no_such_file_or_directory)
    problems.push_back({directory, 0, 0, "cannot read it: " + error.message(), {}});
  std::sort(files.begin(), files.end());
  files.insert(files.begin(), main_file);
  return files;
}

void check_uses(const Draft& draft, std::vector<ConfigurationProblem>& problems) {
  std::vector<std::string> proxies;
  for (const auto& [name, proxy] : draft.configuration.proxies) proxies.push_back(name);
  for (const auto& [place, proxy] : draft.uses) {
    if (draft.configuration.proxies.contains(proxy)) continue;
    auto problem = place;
    problem.text += ": there is no [proxy." + escape(proxy) + "]";
    if (const auto meant = nearest(proxy, proxies); !meant.empty()) problem.hint = "did you mean \"" + meant + "\"?";
    problems.push_back(std::move(problem));
  }
}

// One name in HAProxy cannot be several certificates.
void check_haproxy_names(const Draft& draft, std::vector<ConfigurationProblem>& problems) {
  std::set<std::string> taken;
  for (const auto& [place, name] : draft.uses) {
    const auto proxy = draft.configuration.proxies.find(name);
    if (proxy == draft.configuration.proxies.end()) continue;
    const auto* method = std::get_if<ReloadByHaproxySocket>(&proxy->second.reload);
    if (method == nullptr || method->certificate.empty() || taken.insert(name).second) continue;
    auto problem = place;
    problem.text += ": [proxy." + name + "] gives the name of one certificate, and has it already";
    problem.hint = "leave \"certificate\" out there: each then goes by the path of its own file";
    problems.push_back(std::move(problem));
  }
}

}  // namespace

bool is_valid_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !name.empty() && name.size() <= 64 && alphanumeric(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return alphanumeric(c) || c == '-' || c == '_'; });
}

std::string to_string(const ConfigurationProblem& problem) {
  std::string place = problem.file.string();
  if (problem.line != 0) place += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return place + ": " + problem.text;
}

LoadedConfiguration load_configuration(const fs::path& main_file) {
  Draft draft;
  LoadedConfiguration result;
  for (const auto& file : files_of(main_file, result.problems)) read_one_file(file, draft, result.problems);
  if (result.problems.empty() && !draft.has_authority)
    result.problems.push_back({main_file, 0, 0, "there is no [ca]", "it needs \"url\" and \"fingerprint\""});
  check_uses(draft, result.problems);
  check_haproxy_names(draft, result.problems);
  if (result.problems.empty()) assign_probes(draft.probes, draft.configuration, result.problems);
  if (!result.problems.empty()) return result;
  auto& authority = draft.configuration.authority;
  authority.url = draft.urls.front();
  authority.root = *draft.root;
  authority.stand_ins.assign(draft.urls.begin() + 1, draft.urls.end());
  result.configuration = std::move(draft.configuration);
  return result;
}

Configuration require_configuration(const fs::path& main_file) {
  auto loaded = load_configuration(main_file);
  if (loaded.configuration) return std::move(*loaded.configuration);
  const auto& first = loaded.problems.front();
  const auto others = loaded.problems.size() - 1;
  throw Error(ErrorKind::configuration,
              to_string(first) + (others == 0 ? "" : " (and " + std::to_string(others) + " more)"),
              first.hint.empty() ? "\"everleafd --check\" names all problems" : first.hint);
}

}  // namespace everleaf
