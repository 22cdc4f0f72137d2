// SPDX-License-Identifier: Apache-2.0
#include "cli/agent/ask_agent.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <everleaf/config/nearest.hpp>
#include <everleaf/error/error.hpp>

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

Error not_everleafd() { return Error(ErrorKind::answer, "who listens there is no everleafd"); }

bool is_deep(int depth, Json::parse_event_t /*event*/, const Json& /*parsed*/) {
  if (depth > 32) throw not_everleafd();
  return true;
}

Json parse(const HttpResponse& response) {
  const auto json = Json::parse(response.body, is_deep, false);
  if (!json.is_object()) throw not_everleafd();
  if (response.status >= 300)
    throw Error(ErrorKind::answer, "everleafd refused: " + escape(json.value("error", "no reason given")));
  if (!json.contains("certificates") && !json.contains("certificate")) throw not_everleafd();
  return json;
}

Error with_cure(const Error& error) {
  if (error.kind() == ErrorKind::missing)
    return error.with_hint(
        "is everleafd running? \"systemctl status everleafd\"; --config names its configuration, --socket its socket");
  if (error.kind() == ErrorKind::storage) return error.with_hint("root and group everleaf-admin may ask everleafd");
  return error;
}

std::vector<std::string> names_in(const Json& things) {
  std::vector<std::string> names;
  for (const auto& thing : things) names.push_back(text_in(thing, "name"));
  return names;
}

// Throws what is wrong with the configuration, which kept us from knowing where to ask.
void require(const ConfigurationOption& configuration) try {
  static_cast<void>(configuration.require());
} catch (const Error& error) {
  throw error.with_hint(error.hint() + "; --socket FILE names where everleafd is asked meanwhile");
}

}  // namespace

void AgentOptions::add_to(CLI::App& command) {
  configuration.add_to(command);
  command.add_option("--socket", socket, "where everleafd is asked; default: as configured")->type_name("FILE");
}

AskAgent::AskAgent(const AgentOptions& options) : socket_(options.socket) {
  if (!socket_.empty()) return;
  const auto& configuration = options.configuration;
  const auto loaded = configuration.load();
  socket_ = loaded.socket;
  if (loaded.configuration || configuration.file == ConfigurationOption().file) return;
  broken_ = configuration;
  if (socket_ == usual_socket && !works_from(configuration.file)) require(configuration);
}

// Nothing may have said that it is asked there.
bool AskAgent::works_from(const std::filesystem::path& file) const try {
  return status().value("configuration", "") == std::filesystem::absolute(file);
} catch (const Error&) {
  return false;
}

HttpResponse AskAgent::ask(const std::string& method, const std::string& path) const try {
  return ask_local(socket_, method, path);
} catch (const Error& error) {
  if (broken_ && error.kind() == ErrorKind::missing) require(*broken_);
  throw with_cure(error);
}

void AskAgent::reject(const std::string& certificate) const {
  const auto all = status();
  const auto names = names_in(all.at("certificates"));
  const auto proxies = names_in(all.at("proxies"));
  const bool is_proxy = std::find(proxies.begin(), proxies.end(), certificate) != proxies.end();
  const auto meant = nearest(certificate, names);
  throw Error(ErrorKind::usage, "everleafd has no [certificate." + certificate + "]",
              is_proxy        ? "it is a proxy: \"everleaf status\" shows all"
              : meant.empty() ? "\"everleaf status\" shows all; a new one: systemctl reload everleafd"
                              : "did you mean \"" + meant + "\"?");
}

Json AskAgent::ask_of(const std::string& certificate, const std::string& method, const std::string& action) const {
  if (!is_valid_name(certificate))
    throw Error(ErrorKind::usage, "\"" + escape(certificate, 80) + "\" cannot be the name of a certificate",
                "it is NAME of [certificate.NAME]");
  const auto response = ask(method, "/certificates/" + certificate + action);
  if (response.status == 404) reject(certificate);
  return parse(response);
}

Json AskAgent::status() const { return parse(ask("GET", "/status")); }
Json AskAgent::status_of(const std::string& certificate) const { return ask_of(certificate, "GET", ""); }
Json AskAgent::renew(const std::string& certificate) const { return ask_of(certificate, "POST", "/renew"); }

int with_answers(const std::function<int()>& action) try { return action(); } catch (const Json::exception&) {
  throw not_everleafd();
}

std::string text_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? escape(found->get<std::string>(), 400) : "";
}

std::string next_try_in(const Json& object, const char* member) {
  auto time = text_in(object, member);
  return time.empty() ? "now" : std::move(time);
}

}  // namespace everleaf::cli
