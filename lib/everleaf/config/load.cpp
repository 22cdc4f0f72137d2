// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/load.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <everleaf/config/nearest.hpp>
#include <everleaf/config/toml_reader.hpp>
#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/process/signal.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

namespace fs = std::filesystem;

// What all files together define. Places are kept for the checks that can only be made at the end.
struct Draft {
  std::optional<HttpsUrl> url;
  std::optional<std::variant<Fingerprint, fs::path>> root;
  bool has_authority = false;
  bool has_paths = false;
  Configuration configuration{.authority = {HttpsUrl::parse("https://unset"), Fingerprint{}}};
  struct Use {
    ConfigurationProblem place;  // to be completed by the text
    std::string proxy;
  };
  std::vector<Use> uses;
  std::map<fs::path, std::string> owner_of_path;
};

void read_authority(const toml::table& table, Draft& draft, const ProblemList& problems) {
  TableReader reader(table, "[ca]", problems);
  if (std::exchange(draft.has_authority, true)) reader.complain("", "there is more than one [ca]");
  reader.require("url");
  if (const auto url = reader.text("url")) try {
      draft.url = HttpsUrl::parse(*url);
    } catch (const Error& error) {
      reader.complain("url", error.what(), error.hint());
    }
  const auto fingerprint = reader.text("fingerprint");
  const auto root = reader.path("root");
  if (fingerprint && root) reader.complain("root", "give either \"fingerprint\" or \"root\"");
  if (fingerprint) {
    const auto parsed = Fingerprint::parse(*fingerprint);
    if (parsed) draft.root = *parsed;
    if (!parsed) reader.complain("fingerprint", "\"fingerprint\" must be a SHA-256 in hex: 64 digits");
  } else if (root) {
    std::error_code none;
    if (!fs::exists(*root, none)) reader.complain("root", "there is no file " + root->string());
    draft.root = *root;
  } else if (table.get("fingerprint") == nullptr && table.get("root") == nullptr) {
    reader.complain("", "\"fingerprint\" is missing", "or give \"root\", the path of the root certificate");
  }
  reader.finish();
}

void read_paths(const toml::table& table, Draft& draft, const ProblemList& problems) {
  TableReader reader(table, "[paths]", problems);
  if (std::exchange(draft.has_paths, true)) reader.complain("", "there is more than one [paths]");
  if (const auto state = reader.path("state")) draft.configuration.state = *state;
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

std::optional<ReloadMethod> read_reload(const toml::node& node, const std::string& title, const ProblemList& problems) {
  if (node.value_exact<std::string>() == "none") return NoReload{};
  const auto* table = node.as_table();
  if (table == nullptr) {
    problems.add(node.source(), title + ": \"reload\" must be a table, or \"none\"",
                 "{ exec = [\"program\", \"argument\"] } or { signal = { pid-file = \"/run/nginx.pid\" } }");
    return std::nullopt;
  }
  TableReader reader(*table, title + " reload", problems);
  const auto* signal = reader.table("signal");
  const auto argv = reader.texts("exec");
  const auto limit = reader.duration("time-limit");
  reader.finish();
  const bool by_signal = table->get("signal") != nullptr;
  if (by_signal == (table->get("exec") != nullptr)) {
    reader.complain("", "give exactly one of \"exec\" and \"signal\"");
    return std::nullopt;
  }
  if (by_signal && limit) reader.complain("time-limit", "\"time-limit\" goes with \"exec\"");
  if (signal != nullptr) return read_signal(*signal, title + " reload.signal", problems);
  if (argv.empty()) return std::nullopt;
  ReloadByExec exec{argv};
  if (limit) exec.time_limit = std::chrono::duration_cast<std::chrono::milliseconds>(*limit);
  return exec;
}

void read_proxy(const std::string& name, const toml::table& table, Draft& draft, const ProblemList& problems) {
  const auto title = "[proxy." + name + "]";
  TableReader reader(table, title, problems);
  reader.require("reload");
  Proxy proxy{name, NoReload{}};
  if (const auto* reload = reader.node("reload"))
    if (auto method = read_reload(*reload, title, problems)) proxy.reload = std::move(*method);
  reader.finish();
  if (!draft.configuration.proxies.emplace(name, std::move(proxy)).second)
    reader.complain("", "is defined a second time");
}

std::optional<Enrollment> read_enrollment(const toml::table& table, const std::string& title,
                                          const ProblemList& problems) {
  TableReader reader(table, title + " enroll", problems);
  std::vector<Enrollment> found;
  if (const auto path = reader.path("token-file")) found.emplace_back(TokenFile{*path});
  if (auto argv = reader.texts("token-command"); !argv.empty()) found.emplace_back(TokenCommand{std::move(argv)});
  const auto provisioner = reader.text("provisioner");
  if (const auto path = reader.path("password-file"))
    found.emplace_back(ProvisionerPassword{provisioner.value_or(""), *path});
  else if (provisioner)
    reader.complain("provisioner", "\"provisioner\" goes with \"password-file\"");
  reader.finish();
  if (found.size() == 1) return found.front();
  if (found.size() > 1 || table.empty())
    reader.complain("", "give exactly one of \"token-file\", \"token-command\" and \"password-file\"");
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
  if (const auto* files = reader.table("files")) certificate.files = read_files(*files, title, problems);
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

void read_one_file(const fs::path& file, Draft& draft, std::vector<ConfigurationProblem>& problems) {
  try {
    require_safe_owner(file);
    const auto text = read_file(file, 4 << 20);
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
  if (!result.problems.empty()) return result;
  draft.configuration.authority = {*draft.url, *draft.root};
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
