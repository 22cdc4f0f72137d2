// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include <nlohmann/json.hpp>

#include <everleaf/config/load.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/obtain.hpp>
#include <everleaf/lifecycle/trust.hpp>
#include <everleaf/process/acting_as.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/step_ca/sign_token.hpp>
#include "cli/ca/given_token.hpp"
#include "cli/command.hpp"
#include "cli/provisioner/provisioner_options.hpp"
#include "cli/report.hpp"
#include "cli/setup/nginx_files.hpp"
#include "cli/shared_options.hpp"

namespace everleaf::cli {
namespace {

namespace fs = std::filesystem;

struct SetupOptions {
  std::string name = "upstream";
  std::string subject;
  std::string upstream;
  unsigned echo_port = 9181;
  std::string token;
  std::string ca_url;
  FingerprintOption fingerprint;
  ProvisionerOptions provisioner;
  bool print = false;
  bool force = false;
};

// Files that are written together; what there was comes back if they are not committed.
class Batch {
 public:
  Batch() = default;
  ~Batch() {
    if (committed_ || written_.empty()) return;
    bool undone = true;
    for (const auto& [path, before] : written_) try {
        if (before)
          replace_file(path, *before, file_mode::certificate);
        else
          remove_file(path);
      } catch (const Error& error) {
        show_error(error);
        undone = false;
      }
    if (undone) say("What was written has been removed again, and what was replaced put back.");
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void write(const TextFile& file) {
    auto before = read_file_if_present(file.path);
    if (before == file.contents) return say_checked("Unchanged", file.path.string());
    replace_file(file.path, file.contents, file_mode::certificate);
    written_.emplace_back(file.path, std::move(before));
    say_checked("Written", file.path.string());
    tell_written(file.path);
  }
  void commit() { committed_ = true; }

 private:
  std::vector<std::pair<fs::path, std::optional<std::string>>> written_;
  bool committed_ = false;
};

// What we may not look at is written, or shown, as if it were not there: the write says who may.
bool is_there(const fs::path& path) {
  std::error_code unknown;
  return fs::exists(path, unknown);
}

// "su" leaves it out of the path.
void look_into_sbin() {
  const char* path = ::getenv("PATH");
  ::setenv("PATH", ((path != nullptr ? std::string(path) + ":" : "") + "/usr/sbin").c_str(), 1);
}

// The configuration as it is, if there is one.
std::optional<Configuration> present_configuration(const fs::path& main_file) {
  if (!is_there(main_file)) return std::nullopt;
  return require_configuration(main_file);
}

TextFile main_file_of(const SetupOptions& options) {
  if (options.ca_url.empty())
    throw Error(ErrorKind::usage, "--ca-url is required", "\"everleaf ca bootstrap\" remembers it");
  return main_configuration(HttpsUrl::parse(options.ca_url), options.fingerprint.fingerprint());
}

HttpsUrl upstream_of(const SetupOptions& options) {
  try {
    return HttpsUrl::parse(options.upstream);
  } catch (const Error&) {
    throw Error(ErrorKind::usage, "--upstream is not the URL of an upstream", "it looks like https://backend.internal");
  }
}

// All that has to be there. What the operator has written elsewhere is left to him.
std::vector<TextFile> plan(const SetupOptions& options, const std::optional<Configuration>& present) {
  const NginxSetup setup{options.name, options.subject, upstream_of(options), options.echo_port,
                         present ? present->live_parent() : fs::path("/var/lib/everleaf/live")};
  std::vector<TextFile> files;
  if (!present) files.push_back(main_file_of(options));
  const auto proxy = proxy_configuration();
  if (!present || !present->proxies.contains("nginx") || fs::exists(proxy.path)) files.push_back(proxy);
  files.push_back(certificate_configuration(setup));
  if (present && present->certificates.contains(options.name) && !fs::exists(files.back().path))
    throw Error(ErrorKind::conflict, "[certificate." + options.name + "] is configured already",
                "choose another --name");
  if (!is_there(polkit_rule().path)) files.push_back(polkit_rule());
  files.push_back(location_snippet(setup));
  files.push_back(echo_servers(setup));
  return files;
}

void require_replaceable(const std::vector<TextFile>& files) {
  for (const auto& file : files)
    if (const auto before = read_file_if_present(file.path); before && *before != file.contents)
      throw Error(ErrorKind::conflict, file.path.string() + " exists, and says something else",
                  "--print shows what would be written, --force replaces it");
}

void require_polkit_entry() {
  const auto rule = read_file_if_present(polkit_rule().path);
  if (rule && rule->find("\"nginx.service\"") == std::string::npos)
    throw Error(ErrorKind::conflict, polkit_rule().path.string() + " does not name nginx.service",
                "add \"nginx.service\" to its list of units");
}

void require_nginx(const std::vector<TextFile>& files) {
  for (const auto& file : files)
    if (const auto directory = file.path.parent_path();
        directory.native().starts_with("/etc/nginx") && !fs::exists(directory))
      throw Error(ErrorKind::missing, "there is no directory " + directory.string(), "is nginx installed?");
}

// Before anything is written: the CA would refuse it, and take it no more.
void require_fitting_token(const SetupOptions& options) try {
  if (!options.token.empty()) require_token_for(Secret(options.token), options.subject, {options.subject});
} catch (const Error& error) {
  throw error.within("cannot use --token");
}

// Another certificate's echo must not be asked for this one.
void require_free_port(const SetupOptions& options, const fs::path& own) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(own.parent_path(), none)) {
    if (entry.path() == own || entry.path().extension() != ".conf") continue;
    const auto text = read_file_if_present(entry.path()).value_or("");
    for (const auto port : {options.echo_port, options.echo_port + 1})
      if (text.find("127.0.0.1:" + std::to_string(port)) != std::string::npos)
        throw Error(ErrorKind::conflict, entry.path().string() + " uses port " + std::to_string(port) + " already",
                    "choose another one with --echo-port");
  }
}

Identity first_certificate(const SetupOptions& options, const Configuration& configuration,
                           const std::vector<Certificate>& roots) {
  StepCa ca(configuration.authority.url, roots, {});
  const auto& certificate = configuration.certificates.at(options.name);
  const auto now = system_now();
  const TokenWish wish{
      .subject = certificate.subject, .names = certificate.names, .validity = {now, now + usual_token_lifetime}};
  const auto token = options.token.empty()
                         ? options.provisioner.make_token(ca, options.provisioner.choose(ca.provisioners()), wish)
                         : Secret(options.token);
  const auto key = PrivateKey::generate(certificate.key);
  const ExpectedCertificate expected{key, classify_all(certificate.names), std::nullopt, std::nullopt};
  return accept(enroll(ca, {certificate.subject, certificate.names, "", ""}, key, token), expected, roots,
                system_now());
}

// For everybody, whatever the umask.
void make_directories(const fs::path& directory) {
  if (fs::exists(directory)) return;
  make_directories(directory.parent_path());
  fs::create_directory(directory);
  fs::permissions(directory, fs::perms(0755));
}

bool make_as(uid_t user, const fs::path& directory) {
  const ActingAs acting(user);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error == std::errc::permission_denied) return false;
  if (error) throw system_error("cannot make " + directory.string(), error.value());
  fs::permissions(directory, fs::perms(0711));
  return true;
}

// Whoever else may write there could lead root elsewhere meanwhile.
void require_roots_alone(const fs::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) throw system_error("cannot look at " + directory.string(), errno);
  if (status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(ErrorKind::configuration, directory.string() + " is not root's alone: nothing is made there",
                "make the directory that \"state\" names, and give it to user everleaf");
}

// For everleafd's user: by that one itself where it may, else as the package would have made it.
void make_state(const fs::path& directory) {
  if (is_there(directory)) return;
  const auto* account = ::geteuid() == 0 ? ::getpwnam("everleaf") : nullptr;
  const auto user = account != nullptr ? account->pw_uid : ::geteuid();
  const auto group = account != nullptr ? account->pw_gid : ::getegid();
  if (make_as(user, directory)) return;
  require_roots_alone(directory.parent_path());
  const auto failed = [&] { return system_error("cannot make " + directory.string(), errno); };
  if (::mkdir(directory.c_str(), 0700) != 0) throw failed();
  const Descriptor made(::open(directory.c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made.is_open() || ::fchown(made.get(), user, group) != 0 || ::fchmod(made.get(), 0711) != 0) throw failed();
}

// What the first certificate has to be trusted by, and what it takes the place of.
struct Vacancy {
  std::vector<Certificate> roots;
  std::optional<Fingerprint> replaced{};
};

// Nothing if what is there will do. One that has expired is of no use to nginx, and everleafd may have nothing left to
// replace it with.
std::optional<Vacancy> make_room(Place& place, const Configuration& configuration) {
  const StateDirectory state(configuration.state / "state");
  state.create();
  make_live_parent(configuration);
  Vacancy vacancy;
  const auto on_disk = place.look();
  if (const auto* unusable = std::get_if<UnusableOnDisk>(&on_disk)) throw Error(ErrorKind::conflict, unusable->reason);
  if (const auto* present = std::get_if<PairOnDisk>(&on_disk)) {
    if (system_now() < present->validity.not_after) return std::nullopt;
    vacancy.replaced = present->leaf;
  }
  place.prepare();
  vacancy.roots = trusted_roots(configuration.authority, state, system_now(), {}).roots;
  return vacancy;
}

// What everleafd will be told when it starts.
void require_readable(const fs::path& main_file) {
  const auto loaded = load_as_owner_of_state(main_file);
  if (!loaded.problems.empty()) refuse(loaded.problems);
}

// As the user that everleafd runs as, but for the credential: that may be root's.
void enroll_unless_there(const SetupOptions& options, const Configuration& configuration) {
  const auto user = owner_of(configuration.state).value_or(::geteuid());
  Place place(configuration, configuration.certificates.at(options.name));
  const auto vacancy = std::invoke([&] {
    const ActingAs everleafd(user);
    return make_room(place, configuration);
  });
  if (!vacancy) return say_checked("Certificate", "is there already");
  const auto issued = first_certificate(options, configuration, vacancy->roots);
  const ActingAs everleafd(user);
  place.stage({issued, vacancy->roots});
  place.swap(vacancy->replaced);
  const auto directory = configuration.live_parent() / options.name;
  say_checked("Certificate", directory.string());
  tell_written(directory);
}

int print_files(const std::vector<TextFile>& files) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& file : files) {
    list.push_back({{"path", file.path.string()}, {"content", file.contents}});
    if (!wants_json()) std::printf("# %s\n%s\n", file.path.c_str(), file.contents.c_str());
  }
  if (wants_json()) tell_all({{"files", list}});
  return 0;
}

int setup_nginx(const SetupOptions& options) {
  const fs::path main_file = "/etc/everleaf/everleaf.toml";
  if (!is_valid_name(options.name))
    throw Error(ErrorKind::usage, "\"" + escape(options.name) + "\" cannot be a name",
                "letters, digits, \"-\" and \"_\"");
  require_fitting_token(options);
  know_credentials_directory();
  const auto present = present_configuration(main_file);
  const auto files = plan(options, present);
  if (options.print) return print_files(files);
  if (!options.force) require_replaceable(files);
  require_polkit_entry();
  require_nginx(files);
  require_free_port(options, files.back().path);
  make_directories(main_file.parent_path() / "conf.d");

  Batch batch;
  for (const auto& file : files) batch.write(file);
  const auto configuration = require_configuration(main_file);
  make_state(configuration.state);
  require_readable(main_file);
  enroll_unless_there(options, configuration);
  look_into_sbin();
  run_command({"nginx", "-t"}, {}, {});
  batch.commit();
  say("nginx accepts its configuration. What is left to you:");
  say("  1. \"include snippets/everleaf-" + options.name + ".conf;\" in the location, then \"systemctl reload nginx\"");
  say("  2. \"systemctl enable --now everleafd\", or \"systemctl reload everleafd\" if it runs");
  return 0;
}

}  // namespace

void add_setup_nginx(CLI::App& setup) {
  auto& command = *setup.add_subcommand("nginx", "Let nginx present a certificate to an upstream, and keep it fresh");
  command.footer(
      "Writes the configuration of everleafd, the polkit rule, an nginx snippet and the echo servers, gets the first\n"
      "certificate, and runs \"nginx -t\". If anything fails, all files are as they were.\n\n"
      "Examples:\n"
      "  everleaf setup nginx --subject myuser --upstream https://backend.internal --token \"$(cat token)\"\n"
      "  everleaf setup nginx --name billing --subject billing --upstream https://billing.internal:8443 \\\n"
      "    --echo-port 9183 --provisioner admin --provisioner-password-file password\n"
      "  everleaf setup nginx --subject myuser --upstream https://backend.internal --print");
  auto options = std::make_shared<SetupOptions>();
  command.add_option("--name", options->name, "what the certificate is called here; default: upstream")
      ->type_name("NAME");
  require_utf8(command.add_option("--subject", options->subject, "common name of the certificate"))
      ->type_name("NAME")
      ->required();
  command.add_option("--upstream", options->upstream, "whom nginx talks to, as https://backend.internal")
      ->type_name("URL")
      ->required();
  command.add_option("--echo-port", options->echo_port, "first of two free ports of 127.0.0.1; default: 9181")
      ->check(CLI::Range(1, 65534))
      ->type_name("PORT");
  command
      .add_option("--ca-url", options->ca_url,
                  "the CA, as https://ca.internal:9443; not needed for a second certificate")
      ->type_name("URL");
  options->fingerprint.add_to(command);
  add_token_option(command, options->token, "one-time token for the first certificate");
  options->provisioner.add_to(command);
  command.add_flag("--print", options->print, "only show the files");
  command.add_flag("-f,--force", options->force, "replace files that say something else");
  on_run(command, [options] { return setup_nginx(*options); });
}

}  // namespace everleaf::cli
