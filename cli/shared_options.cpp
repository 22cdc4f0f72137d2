// SPDX-License-Identifier: Apache-2.0
#include "cli/shared_options.hpp"

#include <csignal>
#include <sstream>

#include <everleaf/files/streams.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/process/signal.hpp>
#include "cli/context/step_path.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

constexpr auto ca_heading = "The CA";

constexpr std::chrono::hours as_long_as_it_takes{24 * 365};

constexpr auto bootstrap_hint = "run \"everleaf ca bootstrap --ca-url URL --fingerprint HEX\" once, or give --root";

[[noreturn]] void reject(const std::string& flag, const std::string& value, const std::string& hint) {
  throw Error(ErrorKind::usage, "invalid value \"" + escape(value) + "\" for " + flag, hint);
}

void require_time_or_duration(const std::string& value, const std::string& flag) {
  if (!value.empty() && !parse_time(value) && !parse_duration(value))
    reject(flag, value, "a time as 2026-01-02T15:04:05Z, or a duration with its unit as 90s, 5m, 24h, 30d");
}

// The CA reads Go's durations, which have no days.
std::string without_days(const std::string& value) {
  const auto duration = value.find('d') == std::string::npos ? std::nullopt : parse_duration(value);
  return duration ? format_duration(*duration) : value;
}

void send_signal(const HookOptions& to) {
  if (!to.pid_file.empty()) signal_process(to.pid_file, to.signal);
  if (to.pid && kill(*to.pid, to.signal) != 0)
    throw system_error("cannot signal process " + std::to_string(*to.pid), errno);
}

std::vector<std::string> arguments_of(const std::string& line) {
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

void show_output(const CommandResult& result) {
  print("exec-output", result.output);
  std::fputs(result.errors.c_str(), stderr);
}

}  // namespace

CLI::Option* require_utf8(CLI::Option* option) {
  return option->check([option](const std::string& value) -> std::string {
    if (length_of_utf8(value) != value.size())
      throw Error(ErrorKind::usage, option->get_name() + ": " + escape(value) + " is not UTF-8",
                  "\"locale\" shows what the terminal writes");
    return {};
  });
}

void CaOptions::add_url_to(CLI::App& command) {
  const OptionGroup group(command, ca_heading);
  command.add_option("--ca-url", ca_url, "the CA, as https://ca.internal:9443")->type_name("URL");
  command.add_option("--context", context, "the context to use instead of the current one")->type_name("NAME");
}

void CaOptions::add_to(CLI::App& command) {
  add_url_to(command);
  const OptionGroup group(command, ca_heading);
  command.add_option("--root", root, "file with the root certificates that the CA's certificate must lead to")
      ->type_name("FILE");
}

HttpsUrl CaOptions::url() const {
  if (ca_url.empty()) throw Error(ErrorKind::usage, "--ca-url is required", "\"everleaf ca bootstrap\" remembers it");
  return HttpsUrl::parse(ca_url);
}

std::vector<Certificate> CaOptions::roots() const {
  const std::filesystem::path file =
      root.empty() ? StepPath::from_environment(context).root_certificate() : std::filesystem::path(root);
  if (std::error_code unknown;
      file != "-" && std::filesystem::status(file, unknown).type() == std::filesystem::file_type::not_found)
    throw Error(ErrorKind::missing, "there is no root certificate " + file.string(), bootstrap_hint);
  return parse_certificates_or_der(read_input(file), file.string());
}

// In braces from left to right: what is missing first is complained about first, whatever the compiler.
StepCa CaOptions::connect(std::stop_token stop) const { return StepCa{url(), roots(), std::move(stop)}; }

void say_ca(const StepCa& ca) {
  say_checked("CA", ca.url().origin());
  tell("ca", ca.url().origin());
}

void FingerprintOption::add_to(CLI::App& command) {
  const OptionGroup group(command, ca_heading);
  command.add_option("--fingerprint", text, "SHA-256 of the root certificate, in hex")->type_name("HEX");
}

Fingerprint FingerprintOption::fingerprint() const {
  const std::string hint = "\"step certificate fingerprint root_ca.crt\" prints it where the CA runs";
  if (text.empty()) throw Error(ErrorKind::usage, "--fingerprint is required", hint);
  const auto parsed = Fingerprint::parse(text);
  if (!parsed) reject("--fingerprint", text, "it has 64 hex digits; " + hint);
  return *parsed;
}

void ForceOption::add_to(CLI::App& command) {
  command.add_flag("-f,--force", force, "replace existing files without asking");
}

void KeyOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "The new key");
  command.add_option("--kty", kty, "kind of key: EC (default), OKP or RSA")->check(CLI::IsMember({"EC", "OKP", "RSA"}));
  command.add_option("--crv,--curve", curve, "P-256 (default), P-384, P-521; Ed25519 for OKP");
  command.add_option("--size", size, "bits of an RSA key: 2048 (default), 3072, 4096");
}

KeyType KeyOptions::type() const {
  if (kty == "RSA") {
    if (!curve.empty()) throw Error(ErrorKind::usage, "--curve does not go with --kty RSA");
    const auto type = parse_key_type("rsa-" + std::to_string(size == 0 ? 2048 : size));
    if (!type) reject("--size", std::to_string(size), "2048, 3072 or 4096");
    return *type;
  }
  if (size != 0) throw Error(ErrorKind::usage, "--size goes only with --kty RSA");
  if (kty == "OKP") {
    if (!curve.empty() && curve != "Ed25519") reject("--curve", curve, "Ed25519 is the curve of --kty OKP");
    return KeyType::ed25519;
  }
  if (curve.empty() || curve == "P-256") return KeyType::ec_p256;
  if (curve == "P-384") return KeyType::ec_p384;
  if (curve == "P-521") return KeyType::ec_p521;
  reject("--curve", curve, "P-256, P-384 or P-521; Ed25519 with --kty OKP");
}

std::string base64url_of(const Fingerprint& fingerprint) {
  const auto& bytes = fingerprint.bytes();
  return base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void ValidityOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "How long it is valid");
  command.add_option("--not-before", not_before, "begin of the validity: a time, or a duration from now")
      ->type_name("TIME|DURATION");
  command.add_option("--not-after", not_after, "end of the validity: a time, or a duration from its begin")
      ->type_name("TIME|DURATION");
  command.parse_complete_callback([this] {
    require_time_or_duration(not_before, "--not-before");
    require_time_or_duration(not_after, "--not-after");
    not_before = without_days(not_before);
    not_after = without_days(not_after);
  });
}

std::optional<std::chrono::seconds> ValidityOptions::lifetime() const {
  // A duration of --not-after counts from the begin; with a time the CA's clock decides, and a second is lost to
  // rounding.
  const auto duration = parse_duration(not_after);
  if (!duration) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(*duration);
}

Time ValidityOptions::begin(Time now) const {
  if (const auto time = parse_time(not_before)) return *time;
  return now + std::chrono::floor<std::chrono::seconds>(parse_duration(not_before).value_or(Duration{0}));
}

std::optional<Time> ValidityOptions::end(Time now) const {
  if (const auto time = parse_time(not_after)) return time;
  const auto length = lifetime();
  return length ? std::optional(begin(now) + *length) : std::nullopt;
}

void HookOptions::add_to(CLI::App& command) {
  const OptionGroup group(command, "What is told of it");
  command.add_option("--exec", exec, "program to run afterwards; its words are separated by spaces, there is no shell");
  auto* pid_option = command.add_option("--pid", pid, "process to signal afterwards");
  auto* pid_file_option =
      command.add_option("--pid-file", pid_file, "file with the number of the process to signal")->type_name("FILE");
  pid_option->check(CLI::PositiveNumber)->excludes(pid_file_option);
  command.add_option("--signal", signal, "number of the signal to send (default 1, SIGHUP)")->check(CLI::Range(1, 64));
}

void HookOptions::run(std::chrono::milliseconds limit, std::stop_token stop) const {
  send_signal(*this);
  if (const auto argv = arguments_of(exec); !argv.empty())
    show_output(run_command(argv, {.time = limit}, std::move(stop)));
}

int HookOptions::run_once(std::stop_token stop) const {
  send_signal(*this);
  const auto argv = arguments_of(exec);
  if (argv.empty()) return 0;
  std::fflush(stdout);
  const auto result = run_command(argv,
                                  {.time = as_long_as_it_takes,
                                   .streams = wants_json() ? Streams::captured : Streams::ours,
                                   .failure = Failure::answered},
                                  std::move(stop));
  show_output(result);
  if (result.status != 0)
    show_error({ErrorKind::rejected, escape(argv[0]) + " exited with status " + std::to_string(result.status)});
  return result.status;
}

Duration require_duration(const std::string& text, const std::string& flag, Duration least) {
  const auto duration = parse_duration(text);
  if (!duration || *duration < least) reject(flag, text, "a duration with its unit, as 90s, 5m, 8h or 2d");
  return *duration;
}

}  // namespace everleaf::cli
