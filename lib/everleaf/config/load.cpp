// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>
#include <utility>

#include <everleaf/config/certificate_reader.hpp>
#include <everleaf/config/nearest.hpp>
#include <everleaf/config/nesting.hpp>
#include <everleaf/config/probe_reader.hpp>
#include <everleaf/config/reload_reader.hpp>
#include <everleaf/config/toml_reader.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/process/acting_as.hpp>

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

void define_proxy(const std::string& name, const toml::table& table, Draft& draft, const ProblemList& problems) {
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

void define_certificate(const std::string& name, const toml::table& table, Draft& draft, const ProblemList& problems) {
  const auto title = "[certificate." + name + "]";
  TableReader reader(table, title, problems);
  auto certificate = read_certificate(name, title, reader, problems);
  certificate.used_by = reader.texts("used-by");
  for (const auto& proxy : certificate.used_by) {
    const auto& where = reader.node("used-by")->source();
    draft.uses.push_back({{problems.file, where.begin.line, where.begin.column, title, {}}, proxy});
  }
  if (const auto* probe = reader.node("probe"))
    for (auto& one : read_probes(*probe, ProbeOf::certificate, name, problems)) draft.probes.push_back(std::move(one));
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
  read_named(reader, "proxy", draft, problems, define_proxy);
  read_named(reader, "certificate", draft, problems, define_certificate);
  reader.finish();
}

// A configuration names programs that are run and files that are overwritten.
void require_safe_owner(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) throw system_error("cannot read " + file.string(), errno);
  if (status.st_uid != 0 && status.st_uid != geteuid())
    throw Error(ErrorKind::configuration, "neither root nor we own it", "chown root: " + file.string());
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(ErrorKind::configuration, "others may write it", "chmod go-w " + file.string());
}

constexpr unsigned deepest = 32;

bool may_not_read(const fs::path& file) {
  return faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

// Where root's umask is 077, what root writes is for root alone.
std::string hint_to_let_us_read() {
  return "user " + name_of_user(geteuid()) +
         " has to be able to: \"chmod a+r\" the file and \"chmod a+rx\" its directories, or give them its group";
}

// A problem begins with its place: "cannot read FILE: ..." need not say it again.
std::string without_name_of(const fs::path& file, std::string text) {
  const auto named = "cannot read " + escape(file.string());
  return text.starts_with(named) ? "cannot read it" + text.substr(named.size()) : text;
}

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
    problems.push_back(
        {file, 0, 0, without_name_of(file, error.what()), may_not_read(file) ? hint_to_let_us_read() : error.hint()});
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
    problems.push_back(
        {directory, 0, 0, "cannot read it: " + error.message(), may_not_read(directory) ? hint_to_let_us_read() : ""});
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
  result.state = draft.configuration.state;
  result.socket = draft.configuration.socket_path();
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

void know_credentials_directory() { ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/everleafd.service", 0); }

LoadedConfiguration load_as_owner_of_state(const fs::path& main_file) {
  auto loaded = load_configuration(main_file);
  const auto owner = owner_of(loaded.state);
  if (geteuid() != 0 || owner.value_or(0) == 0 || !loaded.configuration) return loaded;
  try {
    const ActingAs everleafd(*owner);
    loaded.problems = load_configuration(main_file).problems;
  } catch (const Error&) {  // no such user here, or one that we may not be: "check" says so
  }
  return loaded;
}

std::string contents_of(const Configuration& configuration) {
  const auto counted = [](std::size_t count, const char* one, const char* more) {
    return std::to_string(count) + (count == 1 ? one : more);
  };
  return counted(configuration.certificates.size(), " certificate, ", " certificates, ") +
         counted(configuration.proxies.size(), " proxy", " proxies");
}

Configuration require_configuration(const fs::path& main_file) { return require(load_configuration(main_file)); }

Configuration require(LoadedConfiguration loaded) {
  if (!loaded.configuration) refuse(loaded.problems);
  return std::move(*loaded.configuration);
}

void refuse(const std::vector<ConfigurationProblem>& problems) {
  const auto& first = problems.front();
  const auto others = problems.size() - 1;
  throw Error(ErrorKind::configuration,
              to_string(first) + (others == 0 ? "" : " (and " + std::to_string(others) + " more)"),
              first.hint.empty() ? "\"everleafd --check\" names all problems" : first.hint);
}

}  // namespace everleaf
