// SPDX-License-Identifier: Apache-2.0
// What a command has to tell. To people: results on stdout, everything else (terminal.hpp) on stderr, and there nothing
// but errors with --quiet. With --json: one object on stdout, errors included, and nothing else.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <everleaf/x509/certificate.hpp>

namespace everleaf::cli {

// --json and --quiet, which every command has.
void add_report_options(CLI::App& command);
// For commands whose form of JSON is documented: every object, and were it an error, has "version": 1.
void promise_form(CLI::App& command);
// Whether --json stands anywhere, and were it where a flag lacks its value.
void look_for_json(int argc, const char* const* argv);
bool wants_json();
bool wants_silence();  // either of them: nothing but errors goes to stderr

// A member of the object; people do not see it.
using Fact = std::variant<bool, std::string, std::vector<std::string>>;
void tell(const std::string& member, const Fact& fact);
void tell_all(const nlohmann::ordered_json& members);
void tell_written(const std::filesystem::path& file);   // one more of "written"
void tell_certificate(const Certificate& certificate);  // whom it names, its serial number, fingerprint and dates

// A result: text on stdout, or a member of the object (in base64 if it is no text).
void print(const std::string& member, std::string_view text);
void print_line(const std::string& member, std::string_view text);

// Prints the object, if it is wanted and something was told.
void print_report();

}  // namespace everleaf::cli
