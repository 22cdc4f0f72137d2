// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

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

constexpr std::chrono::milliseconds between_looks{100};
constexpr std::chrono::minutes longest_wait{15};

struct RenewOptions {
  std::string name;
  AgentOptions agent;
};

// Looks again and again, until `over` says that it is.
template <typename Over>
Json await(const AskAgent& agent, const std::string& name, Over over) {
  for (const auto end = std::chrono::steady_clock::now() + longest_wait; std::chrono::steady_clock::now() < end;) {
    auto answer = agent.status_of(name);
    if (over(answer)) return answer;
    std::this_thread::sleep_for(between_looks);
  }
  throw Error(ErrorKind::timed_out, "everleafd is still at work after " + format_duration(longest_wait),
              "\"everleaf status\" says how it stands");
}

std::string hint_of(const Json& certificate, const std::string& otherwise) {
  auto hint = text_in(certificate, "hint");
  return hint.empty() ? otherwise : hint;
}

// What the proxy owes for this certificate; null: nothing.
Json owed_for(const Json& proxy, const std::string& name) {
  for (const auto& owed : proxy.at("owed"))
    if (owed.at("certificate") == name) return owed;
  return nullptr;
}

// The failures of all these proxies.
std::vector<unsigned> failures_of(const Json& proxies) {
  std::vector<unsigned> failures;
  for (const auto& proxy : proxies) failures.push_back(proxy.value("failures", 0U));
  return failures;
}

// Whether a proxy that still owes the certificate has not failed with it: neither once more than `before`, nor later
// than it was delivered. Times as text are in the order of time; a second is too short to tell by them alone.
bool is_on_the_way(const Json& proxies, const std::string& name, const std::vector<unsigned>& before) {
  for (std::size_t i = 0; i < proxies.size() && i < before.size(); ++i) {
    const auto owed = owed_for(proxies[i], name);
    if (!owed.is_null() && proxies[i].value("failures", 0U) == before[i] &&
        text_in(proxies[i], "last-failure") <= text_in(owed, "delivered"))
      return true;
  }
  return false;
}

int renew(const RenewOptions& options) {
  tell("renewed", false);  // until it is
  const AskAgent agent(options.agent);
  const auto before = agent.renew(options.name).at("certificate").at("fingerprint");
  if (isatty(STDERR_FILENO) == 1) say("everleafd is renewing " + options.name + " ...");
  const auto renewed =
      await(agent, options.name, [](const Json& answer) { return !answer.at("certificate").value("asked", false); });
  const auto& certificate = renewed.at("certificate");
  // What was taken back and is offered again has the fingerprint that it had before.
  if (certificate.at("fingerprint") == before && !text_in(certificate, "problem").empty())
    throw Error(ErrorKind::refused, "cannot renew " + options.name + ": " + text_in(certificate, "problem"),
                hint_of(certificate, "\"everleaf plan " + options.name +
                                         "\" says what happens next; what there was stays in place"));
  say_checked("Delivered", "valid until " + text_in(certificate, "not-after"));
  tell_all({{"renewed", true}, {"certificate", certificate}});
  const auto failures = failures_of(renewed.at("proxies"));
  const auto end = await(agent, options.name, [&](const Json& answer) {
    return !is_on_the_way(answer.at("proxies"), options.name, failures);
  });
  tell_all({{"proxies", end.at("proxies")}});
  for (const auto& proxy : end.at("proxies")) {
    if (!owed_for(proxy, options.name).is_null())
      throw Error(ErrorKind::hook, text_in(proxy, "name") + " has not taken it up: " + text_in(proxy, "problem"),
                  "it is tried again: " + next_try_in(proxy, "next-try"));
    say_checked("Taken up by", text_in(proxy, "name"));
  }
  return 0;
}

}  // namespace

void add_renew(CLI::App& app) {
  auto& command = *app.add_subcommand("renew", "Have everleafd renew a certificate now, due or not");
  command.footer(
      "It waits until the certificate is in place and its proxies have taken it up.\n\n"
      "Examples:\n"
      "  everleaf renew upstream\n"
      "  everleaf renew upstream --json");
  auto options = std::make_shared<RenewOptions>();
  command.add_option("NAME", options->name, "as in [certificate.NAME]")->required();
  options->agent.add_to(command);
  promise_form(command);
  on_own_run(command, [options] { return with_answers([&] { return renew(*options); }); });
}

}  // namespace everleaf::cli
