// SPDX-License-Identifier: Apache-2.0
#include "cli/report.hpp"

#include <algorithm>
#include <cstdio>

#include <everleaf/jose/base64.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Report {
  bool json = false;
  bool quiet = false;
  Json object = Json::object();
};

Report& report() {
  static Report of_this_run;
  return of_this_run;
}

std::string as_text(std::string_view bytes) try {
  static_cast<void>(Json(bytes).dump());
  return std::string(bytes);
} catch (const Json::type_error&) {  // it is no UTF-8
  return base64(bytes);
}

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

void add_report_options(CLI::App& command) {
  constexpr auto heading = "How it answers";
  // Known as soon as they are read, so that what is wrong with the rest is told in their way, too.
  command.add_flag("--json", report().json, "tell everything as one JSON object on standard output")
      ->group(heading)
      ->trigger_on_parse();
  command.add_flag("--quiet", report().quiet, "say nothing on standard error but errors")
      ->group(heading)
      ->trigger_on_parse();
}

void promise_form(CLI::App& command) {
  command.preparse_callback([](std::size_t) { report().object["version"] = 1; });
}

void look_for_json(int argc, const char* const* argv) {
  report().json |= std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
}

bool wants_json() { return report().json; }
bool wants_silence() { return report().json || report().quiet; }

void tell(const std::string& member, const Fact& fact) {
  if (wants_json()) std::visit([&](const auto& value) { report().object[member] = value; }, fact);
}

void tell_all(const Json& members) { report().object.update(members); }

void tell_written(const std::filesystem::path& file) {
  if (wants_json()) report().object["written"].push_back(file.string());
}

void tell_certificate(const Certificate& certificate) {
  if (!wants_json()) return;
  const auto validity = certificate.validity();
  std::vector<std::string> names;
  for (const auto& name : certificate.names()) names.push_back(name.value);
  tell_all({{"subject", certificate.common_name()},
            {"names", names},
            {"serial", certificate.serial_decimal()},
            {"fingerprint", certificate.fingerprint().hex()},
            {"not-before", format_time(validity.not_before)},
            {"not-after", format_time(validity.not_after)}});
}

void print(const std::string& member, std::string_view text) {
  if (wants_json())
    tell(member, as_text(text));
  else
    put(text);
}

void print_line(const std::string& member, std::string_view text) {
  if (wants_json()) return tell(member, as_text(text));
  put(text);
  put("\n");
}

void print_report() {
  if (!wants_json() || report().object.empty()) return;
  put(report().object.dump(-1, ' ', false, Json::error_handler_t::replace));
  put("\n");
  report().object = Json::object();
}

}  // namespace everleaf::cli
