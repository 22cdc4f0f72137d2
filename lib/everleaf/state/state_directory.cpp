// SPDX-License-Identifier: Apache-2.0
#include <everleaf/state/state_directory.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <everleaf/files/atomic_file.hpp>

#include <everleaf/files/file.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int version = 1;

json to_json(const std::optional<Time>& time) { return time ? json(format_time(*time)) : json(nullptr); }

std::optional<Time> time_in(const json& object, const char* member) {
  const auto text = object.value(member, json());
  return text.is_string() ? parse_time(text.get<std::string>()) : std::nullopt;
}

void write(const fs::path& file, json content) {
  content["version"] = version;
  replace_file(file, content.dump(1, ' ', false, json::error_handler_t::replace) + "\n", file_mode::private_key);
}

// What `convert` makes of the file's JSON; `T{}` if there is no file.
template <typename T, typename Convert>
T read(const fs::path& file, Convert convert) {
  const auto text = read_file_if_present(file, 64 << 20);
  if (!text) return T{};
  const std::string hint = "it can be removed: the certificates themselves are not in it";
  try {
    const auto content = parse_json(*text, file.string());
    if (content.at("version").get<int>() > version)
      throw Error(ErrorKind::malformed, file.string() + " was written by a newer everleaf", hint);
    return convert(content);
  } catch (const json::exception&) {
    throw Error(ErrorKind::malformed, file.string() + " is damaged", hint);
  } catch (const Error& error) {
    throw error.hint().empty() ? error.with_hint(hint) : error;
  }
}

Obligation to_obligation(const json& entry) {
  const auto leaf = Fingerprint::parse(entry.at("leaf").get<std::string>());
  if (!leaf) throw Error(ErrorKind::malformed, "an obligation without a fingerprint");
  return {entry.at("certificate").get<std::string>(), *leaf, time_in(entry, "since").value_or(Time{})};
}

}  // namespace

// Whoever may write here tells us whom to trust (roots.pem) and holds pending keys.
void StateDirectory::create() const {
  std::error_code error;
  fs::create_directories(directory_.parent_path(), error);
  if (!error && ::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) error.assign(errno, std::generic_category());
  struct stat status {};
  if (!error && ::lstat(directory_.c_str(), &status) != 0) error.assign(errno, std::generic_category());
  if (error) throw system_error("cannot make " + directory_.string(), error.value());
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(ErrorKind::configuration, directory_.string() + " is not a directory of ours that only we may write",
                "give it to the user that everleafd runs as, with mode 0700");
}

void StateDirectory::remove_strays() const { remove_all_stray_temporaries(directory_); }

Attempts StateDirectory::attempts(const std::string& certificate) const {
  return read<Attempts>(directory_ / ("certificate." + certificate + ".json"), [](const json& content) {
    return Attempts{.failures = content.at("failures").get<unsigned>(),
                    .last_failure = time_in(content, "last-failure"),
                    .last_kind = static_cast<ErrorKind>(content.at("last-kind").get<int>()),
                    .last_error = content.at("last-error").get<std::string>(),
                    .not_before = time_in(content, "not-before"),
                    .last_success = time_in(content, "last-success"),
                    .key_since = time_in(content, "key-since")};
  });
}

void StateDirectory::store(const std::string& certificate, const Attempts& attempts) const {
  write(directory_ / ("certificate." + certificate + ".json"), {{"failures", attempts.failures},
                                                                {"last-failure", to_json(attempts.last_failure)},
                                                                {"last-kind", static_cast<int>(attempts.last_kind)},
                                                                {"last-error", attempts.last_error},
                                                                {"not-before", to_json(attempts.not_before)},
                                                                {"last-success", to_json(attempts.last_success)},
                                                                {"key-since", to_json(attempts.key_since)}});
}

ProxyState StateDirectory::proxy(const std::string& proxy) const {
  return read<ProxyState>(directory_ / ("proxy." + proxy + ".json"), [](const json& content) {
    ProxyState state{.failures = content.at("failures").get<unsigned>(),
                     .last_failure = time_in(content, "last-failure"),
                     .last_error = content.at("last-error").get<std::string>()};
    for (const auto& entry : content.at("owed")) state.owed.push_back(to_obligation(entry));
    return state;
  });
}

void StateDirectory::store(const std::string& proxy, const ProxyState& state) const {
  auto owed = json::array();
  for (const auto& [certificate, leaf, since] : state.owed)
    owed.push_back({{"certificate", certificate}, {"leaf", leaf.hex()}, {"since", format_time(since)}});
  write(directory_ / ("proxy." + proxy + ".json"), {{"owed", owed},
                                                    {"failures", state.failures},
                                                    {"last-failure", to_json(state.last_failure)},
                                                    {"last-error", state.last_error}});
}

std::optional<Secret> StateDirectory::pending_key(const std::string& certificate) const {
  auto pem = read_file_if_present(directory_ / ("certificate." + certificate + ".key"));
  if (!pem) return std::nullopt;
  return Secret(std::move(*pem));
}

void StateDirectory::store_pending_key(const std::string& certificate, const Secret& pem) const {
  replace_file(directory_ / ("certificate." + certificate + ".key"), pem.reveal(), file_mode::private_key);
}

void StateDirectory::remove_pending_key(const std::string& certificate) const {
  remove_file(directory_ / ("certificate." + certificate + ".key"));
}

std::vector<Certificate> StateDirectory::roots() const {
  const auto pem = read_file_if_present(directory_ / "roots.pem");
  if (!pem) return {};
  return parse_certificates(*pem, (directory_ / "roots.pem").string());
}

void StateDirectory::store_roots(const std::vector<Certificate>& roots) const {
  replace_file(directory_ / "roots.pem", to_pem(roots), file_mode::certificate);
}

}  // namespace everleaf
