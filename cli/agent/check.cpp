// SPDX-License-Identifier: Apache-2.0
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/step_ca/step_ca.hpp>
#include "cli/agent/ask_agent.hpp"
#include "cli/agent/findings.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

struct CheckOptions {
  ConfigurationOption configuration;
};

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::skipped: return "skipped";
    case Verdict::warning: return "warning";
    case Verdict::error: return "error";
  }
  return "";
}

// For as long as this lives we may what this user may. Only for root; nothing happens for others.
class Acting {
 public:
  explicit Acting(uid_t user) : acts_(::geteuid() == 0 && user != 0) {
    if (!acts_) return;
    const auto* account = ::getpwuid(user);
    groups_.resize(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
    if (account == nullptr || ::getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0 ||
        ::initgroups(account->pw_name, account->pw_gid) != 0 || ::setegid(account->pw_gid) != 0 || ::seteuid(user) != 0)
      throw system_error("cannot act as user " + std::to_string(user), errno);
  }
  Acting(const Acting&) = delete;
  ~Acting() {
    if (!acts_) return;
    const bool back = ::seteuid(0) == 0 && ::setegid(0) == 0 && ::setgroups(groups_.size(), groups_.data()) == 0;
    if (!back) std::abort();
  }

 private:
  bool acts_;
  std::vector<gid_t> groups_;
};

// The roots by which we know the CA at this place; nothing is stored.
std::vector<Certificate> roots_of(const Authority& authority, const HttpsUrl& url) {
  if (const auto* file = std::get_if<std::filesystem::path>(&authority.root))
    return parse_certificates(read_file(*file), file->string());
  std::vector<Certificate> roots{fetch_root(url, std::get<Fingerprint>(authority.root), {})};
  for (const auto& one : authority.more_roots) roots.push_back(fetch_root(url, one, {}));
  return roots;
}

bool contains(const std::vector<Certificate>& certificates, const Certificate& wanted) {
  return std::find(certificates.begin(), certificates.end(), wanted) != certificates.end();
}

void check_roots(StepCa& ca, Findings& findings) {
  const auto listed = ca.roots();
  for (const auto& root : ca.trusted_roots())
    if (!contains(listed, root))
      findings.add(Verdict::warning, "CA", "it does not list our root " + root.fingerprint().hex() + " any more",
                   "it is being replaced: configure the new one");
  for (const auto& root : listed)
    if (!contains(ca.trusted_roots(), root))
      findings.add(
          Verdict::warning, "CA",
          "it lists a root that we do not know: \"" + escape(root.common_name()) + "\", " + root.fingerprint().hex(),
          "if it is known to you, configure it before certificates come from under it");
}

void check_clock(const StepCa& ca, Findings& findings) {
  const auto ahead = ca.time() ? *ca.time() - system_now() : std::chrono::seconds(0);
  if (std::chrono::abs(ahead) > std::chrono::minutes(1))
    findings.add(Verdict::warning, "CA", "its clock is ahead of the one here by " + format_duration(ahead),
                 "certificates are judged by the clock here: one of the two is wrong");
}

void check_authority(const Authority& authority, const HttpsUrl& url, Findings& findings) {
  findings.look_at(authority.stand_ins.empty() ? "CA" : "CA " + url.origin(), [&] {
    StepCa ca(url, roots_of(authority, url), {});
    ca.health();
    check_clock(ca, findings);
    check_roots(ca, findings);
    return ca.url().origin() + " is up, step-ca " + escape(ca.version()) + ", under our root";
  });
}

void check_place(const Configuration& configuration, const ManagedCertificate& certificate, Findings& findings) {
  findings.look_at("certificate " + certificate.name, [&] {
    Place(configuration, certificate).check_writable();
    return std::string("it can be delivered");
  });
  if (certificate.enroll && std::holds_alternative<ProvisionerPassword>(*certificate.enroll))
    findings.add(Verdict::warning, "certificate " + certificate.name,
                 "\"password-file\" holds a password that can mint any name",
                 "that is for labs and issuing hosts; elsewhere give a token");
}

void check_places(const Configuration& configuration, Findings& findings) {
  struct stat status {};
  if (::stat(configuration.state.c_str(), &status) != 0)
    return findings.add(
        Verdict::error, configuration.state.string(), "there is no such directory",
        "\"systemd-tmpfiles --create everleaf.conf\" makes it, or the first start of everleafd.service");
  if (::geteuid() != 0 && ::geteuid() != status.st_uid)
    return findings.add(Verdict::skipped, configuration.state.string(),
                        "only root and its owner can find out whether everleafd can write there");
  findings.look_at(configuration.state.string(), [&] {
    const Acting owner(status.st_uid);
    for (const auto& [name, certificate] : configuration.certificates)
      check_place(configuration, certificate, findings);
    return std::string("looked at as the user that owns it");
  });
}

void check_environment(Findings& findings) {
  for (const auto* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      findings.add(Verdict::warning, name, "what is asked of the CA here goes by way of " + escape(value),
                   "a service has an environment of its own: \"systemctl show -p Environment everleafd\"");
}

// What only everleafd sees: its credentials, its sandbox, how its tries end.
void check_agent(const AskAgent& agent, Findings& findings) try {
  const auto status = agent.get("/status");
  const auto version = status.value("everleafd", "");
  if (version != EVERLEAF_VERSION)
    findings.add(Verdict::warning, "everleafd",
                 "version " + escape(version) + " runs, " EVERLEAF_VERSION " is installed",
                 "systemctl restart everleafd");
  for (const auto& problem : status.value("configuration-refused", Json::array()))
    findings.add(Verdict::error, "everleafd",
                 "it refused the configuration when it last read it: " + escape(problem.get<std::string>(), 400),
                 "once it is right: systemctl reload everleafd");
  for (const char* kind : {"certificate", "proxy"})
    for (const auto& one : status.at(std::string(kind) == "proxy" ? "proxies" : "certificates"))
      if (!one.value("well", false))
        findings.add(Verdict::error, std::string(kind) + " " + escape(one.value("name", "")),
                     "everleafd says: " + escape(one.value("problem", ""), 1000));
  findings.add(Verdict::ok, "everleafd", "it runs, and was asked");
} catch (const Error& error) {
  findings.add(Verdict::warning, "everleafd", error.what(), error.hint());
}

void check_all(const ConfigurationOption& option, Findings& findings) {
  const auto loaded = option.load();
  for (const auto& problem : loaded.problems)
    findings.add(Verdict::error, "configuration", to_string(problem), problem.hint);
  check_environment(findings);
  if (!loaded.configuration) return;
  const auto& configuration = *loaded.configuration;
  findings.add(Verdict::ok, "configuration",
               std::to_string(configuration.certificates.size()) + " certificates, " +
                   std::to_string(configuration.proxies.size()) + " proxies");
  for (const auto& url : in_turn(configuration.authority, {}, system_now()))
    check_authority(configuration.authority, url, findings);
  check_places(configuration, findings);
  check_proxies(configuration, findings);
  check_agent(AskAgent(option), findings);
}

void show(const Finding& finding) {
  std::printf("%-8s %s: %s\n", to_text(finding.verdict), finding.about.c_str(), finding.text.c_str());
  if (!finding.hint.empty()) std::printf("         hint: %s\n", finding.hint.c_str());
}

void print(const std::vector<Finding>& findings, bool well) {
  Json list = Json::array();
  for (const auto& [verdict, about, text, hint] : findings)
    list.push_back({{"verdict", to_text(verdict)}, {"about", about}, {"text", text}, {"hint", hint}});
  tell_all({{"version", 1}, {"well", well}, {"findings", std::move(list)}});
}

int check(const CheckOptions& options) {
  Findings findings;
  check_all(options.configuration, findings);
  const auto& all = findings.all();
  const bool well = std::none_of(all.begin(), all.end(), [](const auto& one) { return one.verdict == Verdict::error; });
  if (wants_json()) {
    print(all, well);
  } else {
    for (const auto& finding : all) show(finding);
  }
  return well ? 0 : 1;
}

}  // namespace

void add_check(CLI::App& app) {
  auto& command = *app.add_subcommand("check", "Find out what is wrong, or will be, with what everleafd needs");
  command.footer(
      "It looks at the configuration, the CA, the directories, the units of proxies and nginx's configuration, and "
      "asks\n"
      "everleafd if it runs. As root it sees everything. Exit status: 0 nothing is wrong (there may be warnings), else "
      "1.\n\n"
      "Examples:\n"
      "  everleaf check\n"
      "  everleaf check --json");
  auto options = std::make_shared<CheckOptions>();
  options->configuration.add_to(command);
  on_own_run(command, [options] { return check(*options); });
}

}  // namespace everleaf::cli
