// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include <everleaf/config/secrets.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/lifecycle/failover.hpp>
#include <everleaf/step_ca/step_ca.hpp>
#include "cli/agent/ask_agent.hpp"
#include "cli/agent/findings.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok: return "ok";
    case Verdict::skipped: return "skipped";
    case Verdict::warning: return "warning";
    case Verdict::error: return "error";
  }
  return "";
}

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
    findings.add(Verdict::warning, "CA",
                 std::string("its clock is ") + (ahead < ahead.zero() ? "behind" : "ahead of") + " the one here by " +
                     format_duration(std::chrono::abs(ahead)),
                 "certificates are judged by the clock here: one of the two is wrong");
}

bool asks_provisioners(const ManagedCertificate& certificate) {
  const auto& enroll = certificate.enroll;
  return enroll &&
         (std::holds_alternative<ProvisionerPassword>(*enroll) || std::holds_alternative<X5cCredential>(*enroll));
}

// Fills in `provisioners`, if somebody enrolls by one of them.
void check_authority(const Configuration& configuration, const HttpsUrl& url, std::vector<Provisioner>& provisioners,
                     Findings& findings) {
  const auto& authority = configuration.authority;
  findings.look_at(authority.stand_ins.empty() ? "CA" : "CA " + url.origin(), [&] {
    StepCa ca(url, roots_of(authority, url), {});
    ca.health();
    check_clock(ca, findings);
    check_roots(ca, findings);
    const auto& all = configuration.certificates;
    if (std::any_of(all.begin(), all.end(), [](const auto& one) { return asks_provisioners(one.second); }))
      provisioners = ca.provisioners();
    return ca.url().origin() + " is up, step-ca " + escape(ca.version()) + ", under our root";
  });
}

void check_secrets(const Configuration& configuration, Findings& findings) {
  for (const auto& file : secrets_for_everybody(configuration))
    findings.add(Verdict::warning, escape(file.string()), "it is a secret, and everybody may read it",
                 "chmod o-r " + escape(file.string()));
}

void check_environment(Findings& findings) {
  for (const auto* name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      findings.add(Verdict::warning, name, "what is asked of the CA here goes by way of " + escape(value),
                   "a service has an environment of its own: \"systemctl show -p Environment everleafd\"");
}

// Unless we saw it ourselves.
void add_problem(const std::string& about, const std::string& problem, Findings& findings) {
  if (!findings.has_error(about, problem)) findings.add(Verdict::error, about, "everleafd says: " + problem);
}

// What only everleafd sees: its credentials, its sandbox, how its tries end.
int ask_agent(const AgentOptions& options, Findings& findings) {
  const auto status = AskAgent(options).status();
  const auto version = status.value("everleafd", "");
  if (version != EVERLEAF_VERSION)
    findings.add(Verdict::warning, "everleafd",
                 "version " + escape(version) + " runs, " EVERLEAF_VERSION " is installed",
                 "systemctl restart everleafd");
  for (const auto& problem : status.value("configuration-refused", Json::array()))
    findings.add(Verdict::error, "everleafd",
                 "it refused the configuration when it last read it: " + escape(problem.get<std::string>(), 400),
                 "once it is right: systemctl reload everleafd");
  for (const auto& problem : status.value("not-listening", Json::array()))
    findings.add(Verdict::error, "everleafd", escape(problem.get<std::string>(), 400),
                 "once that is possible: systemctl restart everleafd");
  for (const char* kind : {"certificate", "proxy"})
    for (const auto& one : status.at(std::string(kind) == "proxy" ? "proxies" : "certificates"))
      if (!one.value("well", false))
        add_problem(std::string(kind) + " " + escape(one.value("name", "")), escape(one.value("problem", ""), 1000),
                    findings);
  findings.add(Verdict::ok, "everleafd", "it runs, and was asked");
  return 0;
}

void check_agent(const AgentOptions& options, Findings& findings) try {
  with_answers([&] { return ask_agent(options, findings); });
} catch (const Error& error) {
  if (error.kind() != ErrorKind::configuration)  // that was said
    findings.add(Verdict::warning, "everleafd", error.what(), error.hint());
}

void check_configured(const Configuration& configuration, Findings& findings) {
  findings.add(Verdict::ok, "configuration", contents_of(configuration));
  std::vector<Provisioner> provisioners;
  for (const auto& url : in_turn(configuration.authority, {}, system_now()))
    check_authority(configuration, url, provisioners, findings);
  check_certificates(configuration, provisioners, findings);
  check_secrets(configuration, findings);
  check_proxies(configuration, findings);
}

void check_all(const AgentOptions& options, Findings& findings) {
  const auto loaded = options.configuration.load();
  for (const auto& problem : loaded.problems)
    findings.add(Verdict::error, "configuration", to_string(problem), problem.hint);
  check_environment(findings);
  if (loaded.configuration) check_configured(*loaded.configuration, findings);
  if (options.configuration.file == ConfigurationOption().file) check_units(findings);
  check_agent(options, findings);
}

void show(const Finding& finding) {
  std::printf("%-8s %s: %s\n", to_text(finding.verdict), finding.about.c_str(), finding.text.c_str());
  if (!finding.hint.empty()) std::printf("         hint: %s\n", finding.hint.c_str());
}

void print(const std::vector<Finding>& findings, bool well) {
  Json list = Json::array();
  for (const auto& [verdict, about, text, hint] : findings)
    list.push_back({{"verdict", to_text(verdict)}, {"about", about}, {"text", text}, {"hint", hint}});
  tell_all({{"well", well}, {"findings", std::move(list)}});
}

int check(const AgentOptions& options) {
  Findings findings;
  check_all(options, findings);
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
  auto options = std::make_shared<AgentOptions>();
  options->add_to(command);
  promise_form(command);
  on_own_run(command, [options] { return check(*options); });
}

}  // namespace everleaf::cli
