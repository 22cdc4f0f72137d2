// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <sstream>

#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/process/acting_as.hpp>
#include <everleaf/process/command.hpp>
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto nginx_directory = "/etc/nginx";

// A process of another user, for as long as this lives: polkit judges processes, not users.
class ProcessOf {
 public:
  explicit ProcessOf(uid_t user) : process_(::fork()) {
    if (process_ < 0) throw system_error("cannot start a process", errno);
    if (process_ > 0) return;
    if (::setuid(user) == 0) ::pause();
    ::_exit(1);
  }
  ProcessOf(const ProcessOf&) = delete;
  ~ProcessOf() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  pid_t number() const { return process_; }
  // setuid(2) has happened: what it may do is judged by that.
  void await(uid_t user) const {
    struct stat status {};
    const auto self = "/proc/" + std::to_string(process_);
    for (int i = 0; i < 1000 && ::stat(self.c_str(), &status) == 0 && status.st_uid != user; ++i) ::usleep(1000);
  }

 private:
  pid_t process_;
};

bool runs(const std::string& unit) {
  const auto shown = answer_of({"systemctl", "show", "--property=LoadState,MainPID", "--", unit});
  if (shown.find("LoadState=not-found") != std::string::npos)
    throw Error(ErrorKind::configuration, "there is no such unit: " + unit,
                "\"systemctl list-units --type=service\" shows those there are");
  return shown.find("MainPID=0\n") == std::string::npos;
}

// The details are those that systemd gives (systemd: src/core/dbus-unit.c).
bool may_reload(const std::string& unit, pid_t process) try {
  answer_of({"pkcheck", "--action-id", "org.freedesktop.systemd1.manage-units", "--process", std::to_string(process),
             "--detail", "unit", unit, "--detail", "verb", "reload"});
  return true;
} catch (const Error& error) {
  if (error.kind() == ErrorKind::rejected) return false;
  throw;
}

std::string check_unit(const std::string& unit, const std::optional<uid_t>& user) {
  const std::string known = unit + (runs(unit) ? " runs" : " does not run");
  if (::geteuid() != 0 || !user) return known + "; only root can ask who may reload it";
  if (*user == 0) return known;
  const ProcessOf process(*user);
  process.await(*user);
  if (!may_reload(unit, process.number()))
    throw Error(ErrorKind::configuration, "the user of everleafd may not reload " + unit,
                "name it in /etc/polkit-1/rules.d/49-everleaf.rules");
  return known + ", and everleafd may reload it";
}

using Directive = std::vector<std::string>;  // its name and its words

// What a file of nginx says, whatever block it is in.
std::vector<Directive> directives_in(const std::string& text) {
  std::vector<Directive> all;
  Directive one;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string spaced;
    for (const char c : line.substr(0, line.find('#')))
      spaced += c == ';' || c == '{' || c == '}' ? " ; " : std::string(1, c);
    std::istringstream words(spaced);
    for (std::string word; words >> word;)
      if (word != ";")
        one.push_back(word);
      else if (!one.empty())
        all.push_back(std::exchange(one, {}));
  }
  return all;
}

// Sessions that are resumed keep the certificate of their first handshake, also after it was replaced.
void check_nginx_file(const fs::path& file, Findings& findings) {
  const auto all = directives_in(read_file(file));
  const auto by_variable = [](const Directive& one) {
    return one.size() == 2 && one[0] == "proxy_ssl_certificate" && one[1].find('$') != std::string::npos;
  };
  const Directive without_reuse{"proxy_ssl_session_reuse", "off"};
  if (std::any_of(all.begin(), all.end(), by_variable) && std::find(all.begin(), all.end(), without_reuse) == all.end())
    findings.add(Verdict::warning, file.string(),
                 "proxy_ssl_certificate with a variable, and no \"proxy_ssl_session_reuse off\"",
                 "nginx goes on with the old certificate where it resumes a TLS session: switch that off");
}

void check_nginx(Findings& findings) {
  std::error_code error;
  std::set<fs::path> seen{fs::canonical(nginx_directory, error)};  // links may lead in circles
  const auto options = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator file(nginx_directory, options, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code unknown;
    if (file->is_directory(unknown) && !seen.insert(fs::canonical(file->path(), unknown)).second)
      file.disable_recursion_pending();
    if (!file->is_regular_file(unknown)) continue;
    try {
      check_nginx_file(file->path(), findings);
    } catch (const Error&) {
      findings.add(Verdict::skipped, file->path().string(), "it cannot be read");
    }
  }
}

void check_programs(const Proxy& proxy, const std::optional<uid_t>& user, Findings& findings) {
  const auto* method = std::get_if<ReloadByExec>(&proxy.reload);
  const bool can_tell = ::geteuid() == 0 || user == ::geteuid();
  if (!can_tell || (method == nullptr && proxy.check.empty())) return;
  findings.look_at("proxy " + proxy.name, [&] {
    const ActingAs everleafd(user.value_or(::geteuid()));
    if (method != nullptr) require_startable(method->argv.front());
    if (!proxy.check.empty()) require_startable(proxy.check.front());
    return std::string("its programs can be started");
  });
}

}  // namespace

std::string answer_of(const std::vector<std::string>& command) {
  CommandLimits limits;
  limits.time = std::chrono::seconds(5);
  return run_command(command, limits, {}).output;
}

void check_proxies(const Configuration& configuration, Findings& findings) {
  const auto user = owner_of(configuration.state);
  for (const auto& [name, proxy] : configuration.proxies) check_programs(proxy, user, findings);
  for (const auto& [name, proxy] : configuration.proxies)
    if (const auto* method = std::get_if<ReloadByUnit>(&proxy.reload))
      findings.look_at("proxy " + name, [&] { return check_unit(method->unit, user); });
  check_nginx(findings);
}

}  // namespace everleaf::cli
