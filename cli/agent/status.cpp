// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <nlohmann/json.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/time/time.hpp>
#include "cli/agent/ask_agent.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int all_well = 0;
constexpr int attention = 1;
constexpr int no_agent = 2;

struct StatusOptions {
  std::string name;
  AgentOptions agent;
};

std::string remaining(const Json& certificate, Time now) {
  const auto end = parse_time(text_in(certificate, "not-after"));
  if (!end) return "no certificate";
  return *end <= now ? "expired " + format_time(*end) : "valid for " + format_duration(*end - now);
}

void show(const Json& certificate, Time now) {
  const bool well = certificate.value("well", false);
  std::printf("%-9s %s: %s", well ? "ok" : "ATTENTION", text_in(certificate, "name").c_str(),
              remaining(certificate, now).c_str());
  if (const auto renewal = text_in(certificate, "renewal"); well && !renewal.empty())
    std::printf(", renewal %s", renewal.c_str());
  if (certificate.value("busy", false)) std::printf(", at work");
  std::printf("\n");
  if (well) return;
  if (const auto problem = text_in(certificate, "problem"); !problem.empty())
    std::printf("          %s\n", problem.c_str());
  if (const auto hint = text_in(certificate, "hint"); !hint.empty()) std::printf("          hint: %s\n", hint.c_str());
  const auto failures = certificate.value("failures", 0);
  if (failures > 0)
    std::printf("          %d %s in a row, next try %s\n", failures, failures == 1 ? "failure" : "failures",
                next_try_in(certificate, "next-try").c_str());
}

void show_proxy(const Json& proxy) {
  const bool well = proxy.value("well", false);
  std::printf("%-9s %s: ", well ? "ok" : "ATTENTION", text_in(proxy, "name").c_str());
  const auto owed = proxy.value("owed", Json::array());
  std::printf(owed.empty() ? "has taken up everything\n" : "has not taken up:\n");
  for (const auto& one : owed) {
    const auto deadline = text_in(one, "deadline");
    std::printf("          %s since %s%s\n", text_in(one, "certificate").c_str(), text_in(one, "since").c_str(),
                deadline.empty() ? "" : (", what it has expires " + deadline).c_str());
  }
  if (const auto draining = proxy.value("draining-workers", 0); draining > 0) {
    const auto deadline = text_in(proxy, "draining-deadline");
    std::printf("          workers from before a reload that still serve: %d%s\n", draining,
                deadline.empty() ? "" : (", with a certificate that expires " + deadline).c_str());
  }
  if (well) return;
  std::printf("          %s\n", text_in(proxy, "problem").c_str());
  if (!owed.empty()) std::printf("          next try %s\n", next_try_in(proxy, "next-try").c_str());
}

void show_problems(const Json& answer, const char* member, const char* what) {
  for (const auto& problem : answer.value(member, Json::array()))
    std::printf("ATTENTION %s:\n          %s\n", what, escape(problem.get<std::string>(), 400).c_str());
}

bool is_well(const Json& things) {
  bool well = true;
  for (const auto& thing : things) well &= thing.value("well", false);
  return well;
}

void show_all(const Json& certificates, const Json& proxies, Time now) {
  for (const auto& certificate : certificates) show(certificate, now);
  for (const auto& proxy : proxies) show_proxy(proxy);
}

int show_one(const Json& answer, Time now) {
  const auto& certificate = answer.at("certificate");
  show_all(Json::array({certificate}), answer.at("proxies"), now);
  return 0;
}

int status(const StatusOptions& options) {
  const AskAgent agent(options.agent);
  const auto answer = options.name.empty() ? agent.status() : agent.status_of(options.name);
  const bool well = options.name.empty()
                        ? answer.value("well", false)
                        : answer.at("certificate").value("well", false) && is_well(answer.at("proxies"));
  if (wants_json()) {
    tell_all(answer);
    return well ? all_well : attention;
  }
  const Time now = parse_time(text_in(answer, "now")).value_or(system_now());
  if (!options.name.empty()) {
    show_one(answer, now);
    return well ? all_well : attention;
  }
  show_all(answer.at("certificates"), answer.at("proxies"), now);
  show_problems(answer, "configuration-refused", "the configuration was refused, the one before is in use");
  show_problems(answer, "not-listening", "it cannot be asked everywhere");
  return well ? all_well : attention;
}

// Whoever asks for what is no certificate was answered.
int answer_to(const StatusOptions& options) try {
  return with_answers([&] { return status(options); });
} catch (const Error& error) {
  if (error.kind() != ErrorKind::usage) throw;
  show_error(error);
  return attention;
}

}  // namespace

void add_status(CLI::App& app) {
  auto& command = *app.add_subcommand("status", "Ask everleafd how certificates and proxies stand");
  command.footer(
      "Exit status: 0 all is as it should be, 1 something needs attention, or NAME is no certificate, 2 everleafd did "
      "not answer.\n\n"
      "Examples:\n"
      "  everleaf status\n"
      "  everleaf status upstream --json");
  auto options = std::make_shared<StatusOptions>();
  command.add_option("NAME", options->name, "only this certificate and its proxies");
  options->agent.add_to(command);
  promise_form(command);
  on_own_run(
      command, [options] { return answer_to(*options); }, no_agent);
}

}  // namespace everleaf::cli
