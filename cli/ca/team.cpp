// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/team.hpp"

#include <everleaf/error/error.hpp>
#include <everleaf/http/http_client.hpp>
#include <everleaf/http/url.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::cli {
namespace {

std::string place_of(const std::string& team, const std::string& authority, std::string url) {
  if (url.empty())
    return "https://api.smallstep.com/v1/teams/" + percent_encoded(team) + "/authorities/" + percent_encoded(authority);
  for (auto at = url.find("<>"); at != std::string::npos; at = url.find("<>"))
    url.replace(at, 2, percent_encoded(team));
  if (!url.starts_with("https://"))
    throw Error(ErrorKind::usage, "invalid value \"" + escape(url) + "\" for --team-url",
                "https://...: whoever answers says which CA is trusted");
  return url;
}

}  // namespace

BootstrapDefaults authority_in_answer(const std::string& body, const std::string& place) {
  const auto json = parse_json(body, place);
  if (!json.is_object()) throw Error(ErrorKind::malformed, "the answer of " + place + " is not a JSON object");
  BootstrapDefaults found{.ca_url = required_string(json, "url", place),
                          .fingerprint = required_string(json, "fingerprint", place),
                          .redirect_url = optional_string(json, "redirect-url", place),
                          .provisioner = optional_string(json, "provisioner", place)};
  if (const auto least = json.find("min-password-length"); least != json.end() && least->is_number_unsigned())
    found.min_password_length = least->get<unsigned>();
  if (found.redirect_url.empty()) found.redirect_url = "https://smallstep.com/app/teams/sso/success";  // as step has it
  return found;
}

BootstrapDefaults fetch_team_authority(const std::string& team, const std::string& authority, const std::string& url) {
  const auto place = place_of(team, authority, url);
  const auto response = HttpClient(SystemRoots{}).send({.url = place}, {});
  if (response.status == 404)
    throw Error(ErrorKind::missing, "there is no CA \"" + escape(authority) + "\" of a team \"" + escape(team) +
                                        "\" at " + escape(place, 400));
  if (response.status >= 400)
    throw Error(ErrorKind::answer, escape(place, 400) + " answered with status " + std::to_string(response.status));
  return authority_in_answer(response.body, place);
}

}  // namespace everleaf::cli
