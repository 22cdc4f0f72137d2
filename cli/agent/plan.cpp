// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <nlohmann/json.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/situation.hpp>
#include "cli/agent/managed_options.hpp"
#include "cli/command.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

struct PlanOptions {
  std::string name;
  std::string at;
  ConfigurationOption configuration;
};

struct Planned {
  const ManagedCertificate& certificate;
  Situation situation;
  Prospect prospect;
};

struct NameOfStep {
  const char* operator()(const WaitUntil&) const { return "wait"; }
  const char* operator()(const Enroll&) const { return "enroll"; }
  const char* operator()(const Renew&) const { return "renew"; }
  const char* operator()(const Rekey&) const { return "rekey"; }
  const char* operator()(const RenewExpired&) const { return "renew-expired"; }
  const char* operator()(const Adopt&) const { return "adopt"; }
  const char* operator()(const GiveUp&) const { return "give-up"; }
  const char* operator()(const UpdateTrust&) const { return "update-trust"; }
  const char* operator()(const Repair&) const { return "repair"; }
};

std::string name_of(const Step& step) { return std::visit(NameOfStep{}, step); }

std::string reason_of(const Plan& plan) {
  const auto* given_up = std::get_if<GiveUp>(&plan.step);
  return given_up != nullptr ? given_up->reason : plan.why;
}

Time time_of_interest(const std::string& at) {
  if (at.empty()) return system_now();
  if (const auto time = parse_time(at)) return *time;
  if (const auto duration = parse_duration(at))
    return system_now() + std::chrono::floor<std::chrono::seconds>(*duration);
  throw Error(ErrorKind::usage, "invalid value \"" + escape(at) + "\" for --at",
              "a time as 2026-01-02T15:04:05Z, or a duration from now with its unit, as 8h");
}

// JSON. Its form is documented in docs/status.md.

Json to_json(const std::optional<Time>& time) { return time ? Json(format_time(*time)) : Json(nullptr); }

Json to_json(const PairOnDisk& pair, const ManagedCertificate& certificate) {
  const auto window = renewal_window(pair.validity, certificate.survive);
  return {{"fingerprint", pair.leaf.hex()},
          {"not-before", format_time(pair.validity.not_before)},
          {"not-after", format_time(pair.validity.not_after)},
          {"window", {{"begin", format_time(window.begin)}, {"end", format_time(window.end)}}},
          {"renewal", format_time(renewal_time(pair, certificate.survive))},
          {"missing-names", pair.missing_names}};
}

Json to_json(const Attempts& attempts) {
  return {{"failures", attempts.failures},
          {"last-failure", to_json(attempts.last_failure)},
          {"last-error", attempts.last_error},
          {"last-hint", attempts.last_hint},
          {"ca-asked-to-wait-until", to_json(attempts.not_before)},
          {"last-success", to_json(attempts.last_success)},
          {"key-since", to_json(attempts.key_since)}};
}

Json to_json(const Owed& owed) {
  return {{"proxy", owed.proxy},
          {"fingerprint", owed.obligation.leaf.hex()},
          {"since", format_time(owed.obligation.since)},
          {"failures", owed.failures},
          {"last-error", owed.last_error},
          {"next-try", to_json(owed.next_try)}};
}

Json to_json(const Planned& planned) {
  const auto& [certificate, situation, prospect] = planned;
  const auto* pair = std::get_if<PairOnDisk>(&situation.on_disk);
  Json owed = Json::array();
  for (const auto& one : situation.owed) owed.push_back(to_json(one));
  return {{"name", certificate.name},
          {"step", name_of(prospect.then.step)},
          {"when", format_time(prospect.when)},
          {"now", name_of(prospect.now.step)},
          {"why", reason_of(prospect.now)},
          {"certificate", pair != nullptr ? to_json(*pair, certificate) : Json(nullptr)},
          {"survive-seconds", certificate.survive ? Json(certificate.survive->count()) : Json(nullptr)},
          {"attempts", to_json(situation.attempts)},
          {"staged-until", situation.staged ? Json(format_time(situation.staged->not_after)) : Json(nullptr)},
          {"held-back", situation.held ? Json(situation.held->reason) : Json(nullptr)},
          {"owed", owed}};
}

// For people.

void show(const char* what, const std::string& text) { std::printf("  %-9s %s\n", what, text.c_str()); }

std::string counted(unsigned failures) { return std::to_string(failures) + (failures == 1 ? " failure" : " failures"); }

void show(const PairOnDisk& pair, const ManagedCertificate& certificate) {
  const auto window = renewal_window(pair.validity, certificate.survive);
  show("valid", format_time(pair.validity.not_before) + " to " + format_time(pair.validity.not_after) + ", " +
                    format_duration(pair.validity.lifetime()));
  show("window", format_time(window.begin) + " to " + format_time(window.end) +
                     (certificate.survive ? ", so that " + format_duration(*certificate.survive) + " are left"
                                          : ", the sixth of it that ends at two thirds"));
  char spread[16];
  std::snprintf(spread, sizeof spread, "%.4f", 1 - pair.leaf.fraction());
  show("spread", std::string(spread) + " of the window, from the fingerprint " + pair.leaf.hex());
}

void show(const Attempts& attempts, Time at) {
  if (attempts.failures > 0)
    show("failures", std::to_string(attempts.failures) + " in a row" +
                         (attempts.last_failure ? ", the last at " + format_time(*attempts.last_failure) : "") + ": " +
                         escape(attempts.last_error, 400));
  if (!attempts.last_hint.empty()) show("hint", escape(attempts.last_hint, 400));
  if (attempts.not_before && *attempts.not_before > at)
    show("patience", "the CA asked us to wait until " + format_time(*attempts.not_before));
}

void show(const Owed& owed, Time at) {
  std::string text = owed.proxy + ", since " + format_time(owed.obligation.since);
  if (owed.failures > 0) text += "; " + counted(owed.failures) + ": " + escape(owed.last_error, 400);
  show("owed by", text + (owed.next_try && *owed.next_try > at ? "; next try " + format_time(*owed.next_try) : ""));
}

void show(const Planned& planned, Time at) {
  const auto& [certificate, situation, prospect] = planned;
  const auto away = prospect.when - at;
  std::printf("%s: %s %s\n", certificate.name.c_str(), name_of(prospect.then.step).c_str(),
              away <= std::chrono::seconds(0)
                  ? "now"
                  : ("at " + format_time(prospect.when) + ", in " + format_duration(away)).c_str());
  show("why", escape(reason_of(prospect.now), 1000));
  if (situation.staged)
    show("staged", "a newer one, until " + format_time(situation.staged->not_after) +
                       (situation.held ? ", is held back: " + escape(situation.held->reason, 400) : ", goes in first"));
  if (const auto* pair = std::get_if<PairOnDisk>(&situation.on_disk)) show(*pair, certificate);
  show(situation.attempts, at);
  for (const auto& owed : situation.owed) show(owed, at);
}

std::vector<Planned> plan(const Configuration& configuration, const std::string& name, Time at) {
  std::vector<Planned> plans;
  for (const auto& [known, certificate] : configuration.certificates) {
    if (!name.empty() && known != name) continue;
    auto situation = look_at(configuration, certificate);
    auto prospect = look_ahead(certificate, situation.on_disk, situation.attempts, at);
    plans.push_back({certificate, std::move(situation), std::move(prospect)});
  }
  return plans;
}

int plan(const PlanOptions& options) {
  const Time at = time_of_interest(options.at);
  const auto configuration = options.configuration.require();
  if (!options.name.empty() && !configuration.certificates.contains(options.name))
    reject_name(options.name, names_of(configuration));
  const auto plans = plan(configuration, options.name, at);
  if (wants_json()) {
    Json certificates = Json::array();
    for (const auto& planned : plans) certificates.push_back(to_json(planned));
    tell_all({{"at", format_time(at)}, {"certificates", std::move(certificates)}});
  } else {
    for (const auto& planned : plans) show(planned, at);
  }
  return 0;
}

}  // namespace

void add_plan(CLI::App& app) {
  auto& command = *app.add_subcommand("plan", "Tell what everleafd will do with each certificate, when, and why");
  command.footer(
      "It reads the configuration, the files and the state, and needs no running everleafd; but the right to read "
      "them.\n\n"
      "Examples:\n"
      "  everleaf plan\n"
      "  everleaf plan upstream --at 2026-01-02T15:04:05Z --json");
  auto options = std::make_shared<PlanOptions>();
  command.add_option("NAME", options->name, "only this certificate");
  command.add_option("--at", options->at, "as if it were this time, or this long from now")->type_name("TIME|DURATION");
  options->configuration.add_to(command);
  promise_form(command);
  on_own_run(command, [options] { return plan(*options); });
}

}  // namespace everleaf::cli
