// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/ca_configuration.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/step_ca/answers.hpp>

namespace everleaf {

using nlohmann::json;

CaConfiguration CaConfiguration::parse(std::string_view text, const std::string& source) try {
  const auto configuration = parse_json(text, source);
  const auto& root = configuration.at("root");
  // They are as the CA answers with them.
  const json answer{{"provisioners", configuration.at("authority").at("provisioners")}};
  return {.name = configuration.at("dnsNames").at(0).get<std::string>(),
          .root = (root.is_array() ? root.at(0) : root).get<std::string>(),
          .provisioners = provisioners_in_answer(answer.dump()).provisioners};
} catch (const json::exception&) {
  throw Error(ErrorKind::malformed, source + " is no configuration of a step-ca",
              "it has \"root\", \"dnsNames\" and \"authority\" with \"provisioners\"");
} catch (const Error& error) {
  if (error.kind() != ErrorKind::answer) throw;
  throw Error(ErrorKind::malformed, source + " has a provisioner without type or name");
}

}  // namespace everleaf
