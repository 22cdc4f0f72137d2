// SPDX-License-Identifier: Apache-2.0
#include "cli/agent/ask_agent.hpp"

#include <nlohmann/json.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/http/local_http.hpp>

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

Json parse(const HttpResponse& response) {
  const auto json = Json::parse(response.body, nullptr, false);
  if (!json.is_object()) throw Error(ErrorKind::answer, "who listens there is no everleafd");
  if (response.status < 300) return json;
  throw Error(response.status == 404 ? ErrorKind::missing : ErrorKind::answer,
              "everleafd refused: " + escape(json.value("error", "no reason given")));
}

Error with_cure(const Error& error) {
  if (error.kind() == ErrorKind::missing)
    return error.with_hint("is everleafd running? \"systemctl status everleafd\"; --config names its configuration");
  if (error.kind() == ErrorKind::storage) return error.with_hint("root and group everleaf-admin may ask everleafd");
  return error;
}

}  // namespace

// A configuration that is being edited does not keep us from asking the one who runs with the last good one.
AskAgent::AskAgent(const ConfigurationOption& configuration) {
  const auto loaded = configuration.load();
  if (loaded.configuration)
    socket_ = loaded.configuration->socket_path();
  else if (configuration.file == ConfigurationOption().file)
    socket_ = usual_socket;
  else
    static_cast<void>(configuration.require());
}

std::string AskAgent::path_of(const std::string& certificate) {
  if (!is_valid_name(certificate))
    throw Error(ErrorKind::usage, "\"" + escape(certificate, 80) + "\" cannot be the name of a certificate",
                "it is NAME of [certificate.NAME]");
  return "/certificates/" + certificate;
}

Json AskAgent::ask(const std::string& method, const std::string& path) const {
  HttpResponse response;
  try {
    response = ask_local(socket_, method, path);
  } catch (const Error& error) {
    throw with_cure(error);
  }
  return parse(response);
}

Json AskAgent::get(const std::string& path) const { return ask("GET", path); }
Json AskAgent::post(const std::string& path) const { return ask("POST", path); }

std::string text_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? escape(found->get<std::string>(), 400) : "";
}

std::string next_try_in(const Json& object, const char* member) {
  auto time = text_in(object, member);
  return time.empty() ? "now" : std::move(time);
}

}  // namespace everleaf::cli
