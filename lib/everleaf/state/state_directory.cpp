// SPDX-License-Identifier: Apache-2.0
#include <everleaf/state/state_directory.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include <everleaf/files/atomic_file.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int version = 1;
constexpr std::size_t longest = 1 << 20;
constexpr std::size_t longest_account = 16 << 20;  // a proxy may owe 10,000 certificates, 250 bytes each

constexpr std::size_t most_values = 1'000'000;

constexpr auto removable = "it can be removed: the certificates themselves are not in it";

bool is_no_file(const fs::path& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

// What is no file there (a FIFO, a directory) is as good as a damaged one.
std::optional<std::string> read_state_file(const fs::path& path, std::size_t most = longest) try {
  return read_file_if_present(path, most);
} catch (const Error& error) {
  std::error_code unknown;
  const auto size = fs::file_size(path, unknown);
  if (!is_no_file(path) && (unknown || size <= most)) throw;
  throw Error(ErrorKind::malformed, error.what(), removable);
}

// Whoever put it there may want it back.
void move_aside_what_is_no_file(const fs::path& path) {
  std::error_code ignored;  // the write says what is wrong
  const auto aside =
      path.string() + ".left-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  if (is_no_file(path)) fs::rename(path, aside, ignored);
}

json to_json(const std::optional<Time>& time) { return time ? json(format_time(*time)) : json(nullptr); }

std::optional<Time> time_in(const json& object, const char* member) {
  const auto text = object.value(member, json());
  return text.is_string() ? parse_time(text.get<std::string>()) : std::nullopt;
}

json to_json(const std::optional<std::chrono::seconds>& duration) {
  return duration ? json(duration->count()) : json(nullptr);
}

std::optional<std::chrono::seconds> seconds_in(const json& object, const char* member) {
  const auto number = object.value(member, json());
  if (!number.is_number_integer()) return std::nullopt;
  return std::chrono::seconds(number.get<std::int64_t>());
}

// Throws like at() if it is no whole number. To convert one that does not fit is undefined.
int number_in(const json& object, const char* member) {
  constexpr json::number_unsigned_t most = std::numeric_limits<int>::max();
  return static_cast<int>(std::min(object.at(member).get_ref<const json::number_unsigned_t&>(), most));
}

std::string to_text(json content) {
  content["version"] = version;
  return content.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

void write(const fs::path& file, json content) {
  move_aside_what_is_no_file(file);
  replace_file(file, to_text(std::move(content)), file_mode::private_key);
}

// A power cut may bring back what was there before.
void write_without_syncing_the_directory(const fs::path& path, json content) {
  move_aside_what_is_no_file(path);
  AtomicFile file(path, file_mode::private_key);
  file.write(to_text(std::move(content)));
  file.put_in_place();
}

// What `convert` makes of the file's JSON; `T{}` if there is no file.
template <typename T, typename Convert>
T read(const fs::path& file, Convert convert, std::size_t most = longest) {
  const auto text = read_state_file(file, most);
  if (!text) return T{};
  try {
    const auto content = parse_json(*text, file.string(), most_values);
    if (number_in(content, "version") > version)
      throw Error(ErrorKind::malformed, file.string() + " was written by a newer everleaf", removable);
    return convert(content);
  } catch (const json::exception&) {
    throw Error(ErrorKind::malformed, file.string() + " is damaged", removable);
  } catch (const Error& error) {
    throw error.hint().empty() ? error.with_hint(removable) : error;
  }
}

Fingerprint to_fingerprint(const std::string& hex) {
  const auto fingerprint = Fingerprint::parse(hex);
  if (!fingerprint) throw Error(ErrorKind::malformed, "what should be a fingerprint is none");
  return *fingerprint;
}

json to_json(const std::optional<Told>& told) {
  if (!told) return nullptr;
  return {{"leaf", told->leaf.hex()}, {"until", format_time(told->until)}};
}

std::optional<Told> told_in(const json& object) {
  const auto told = object.value("told", json());
  if (told.is_null()) return std::nullopt;
  return Told{to_fingerprint(told.at("leaf").get<std::string>()), time_in(told, "until").value_or(Time{})};
}

Obligation to_obligation(const json& entry) {
  const auto since = time_in(entry, "since").value_or(Time{});
  return {entry.at("certificate").get<std::string>(), to_fingerprint(entry.at("leaf").get<std::string>()), since,
          time_in(entry, "deadline"), time_in(entry, "delivered").value_or(since)};
}

json to_json(const DrainingWorker& worker) {
  return {{"process", worker.process},
          {"start", worker.start},
          {"since", format_time(worker.since)},
          {"deadline", to_json(worker.deadline)},
          {"told", worker.is_told}};
}

DrainingWorker to_draining(const json& entry) {
  return {number_in(entry, "process"), entry.at("start").get<std::string>(), time_in(entry, "since").value_or(Time{}),
          time_in(entry, "deadline"), entry.at("told").get<bool>()};
}

// What root has put there may come from a backup; what is another's is that one's.
std::string hint_for_owner(uid_t owner, const fs::path& directory) {
  if (owner == 0)
    return "it belongs to root: chown -R " + name_of_user(::geteuid()) + ": " + directory.parent_path().string();
  return "it belongs to user " + name_of_user(owner) +
         ": run everleafd as that one, as its unit does, or name another [paths] state";
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
                status.st_uid == ::geteuid() ? "give it mode 0700" : hint_for_owner(status.st_uid, directory_));
}

void StateDirectory::remove_strays() const { remove_all_stray_temporaries(directory_); }

Attempts StateDirectory::attempts(const std::string& certificate) const {
  return read<Attempts>(directory_ / ("certificate." + certificate + ".json"), [](const json& content) {
    return Attempts{.failures = static_cast<unsigned>(number_in(content, "failures")),
                    .last_failure = time_in(content, "last-failure"),
                    .last_kind = static_cast<ErrorKind>(number_in(content, "last-kind")),
                    .last_error = content.at("last-error").get<std::string>(),
                    .last_hint = content.value("last-hint", ""),
                    .not_before = time_in(content, "not-before"),
                    .last_success = time_in(content, "last-success"),
                    .told = told_in(content),
                    .repaired = time_in(content, "repaired"),
                    .key_since = time_in(content, "key-since"),
                    .ca_ahead = seconds_in(content, "ca-ahead")};
  });
}

void StateDirectory::store(const std::string& certificate, const Attempts& attempts) const {
  write_without_syncing_the_directory(directory_ / ("certificate." + certificate + ".json"),
                                      {{"failures", attempts.failures},
                                       {"last-failure", to_json(attempts.last_failure)},
                                       {"last-kind", static_cast<int>(attempts.last_kind)},
                                       {"last-error", attempts.last_error},
                                       {"last-hint", attempts.last_hint},
                                       {"not-before", to_json(attempts.not_before)},
                                       {"last-success", to_json(attempts.last_success)},
                                       {"told", to_json(attempts.told)},
                                       {"repaired", to_json(attempts.repaired)},
                                       {"key-since", to_json(attempts.key_since)},
                                       {"ca-ahead", to_json(attempts.ca_ahead)}});
}

ProxyState StateDirectory::proxy(const std::string& proxy) const {
  return read<ProxyState>(
      directory_ / ("proxy." + proxy + ".json"),
      [](const json& content) {
        ProxyState state{.failures = static_cast<unsigned>(number_in(content, "failures")),
                         .last_failure = time_in(content, "last-failure"),
                         .last_error = content.at("last-error").get<std::string>()};
        for (const auto& entry : content.at("owed")) state.owed.push_back(to_obligation(entry));
        for (const auto& entry : content.value("draining", json::array())) state.draining.push_back(to_draining(entry));
        return state;
      },
      longest_account);
}

void StateDirectory::store(const std::string& proxy, const ProxyState& state) const {
  auto owed = json::array();
  for (const auto& [certificate, leaf, since, deadline, delivered] : state.owed)
    owed.push_back({{"certificate", certificate},
                    {"leaf", leaf.hex()},
                    {"since", format_time(since)},
                    {"deadline", to_json(deadline)},
                    {"delivered", format_time(delivered)}});
  auto draining = json::array();
  for (const auto& worker : state.draining) draining.push_back(to_json(worker));
  write(directory_ / ("proxy." + proxy + ".json"), {{"owed", owed},
                                                    {"draining", draining},
                                                    {"failures", state.failures},
                                                    {"last-failure", to_json(state.last_failure)},
                                                    {"last-error", state.last_error}});
}

AuthorityState StateDirectory::authority() const {
  return read<AuthorityState>(directory_ / "ca.json", [](const json& content) {
    return AuthorityState{.stand_in = content.at("stand-in").get<std::string>(),
                          .stand_in_since = time_in(content, "stand-in-since"),
                          .is_away = content.at("away").get<bool>(),
                          .back = time_in(content, "back")};
  });
}

void StateDirectory::store(const AuthorityState& state) const {
  write(directory_ / "ca.json", {{"stand-in", state.stand_in},
                                 {"stand-in-since", to_json(state.stand_in_since)},
                                 {"away", state.is_away},
                                 {"back", to_json(state.back)}});
}

RootsState StateDirectory::roots_state() const {
  return read<RootsState>(directory_ / "roots.json", [](const json& content) {
    RootsState state{.seeds = {},
                     .listed = {},
                     .asked = time_in(content, "asked"),
                     .sought = {time_in(content, "sought")},
                     .grew = time_in(content, "grew"),
                     .longest = seconds_in(content, "longest").value_or(std::chrono::seconds(0)),
                     .taken = content.at("taken").get<unsigned>()};
    for (const auto& seed : content.at("seeds")) state.seeds.insert(to_fingerprint(seed.get<std::string>()));
    for (const auto& seed : content.value("sought-seeds", json::array()))
      state.sought.seeds.insert(to_fingerprint(seed.get<std::string>()));
    for (const auto& entry : content.at("listed"))
      state.listed[to_fingerprint(entry.at("root").get<std::string>())] = time_in(entry, "time").value_or(Time{});
    return state;
  });
}

void StateDirectory::store(const RootsState& state) const {
  const auto hex_of = [](const std::set<Fingerprint>& seeds) {
    auto list = json::array();
    for (const auto& seed : seeds) list.push_back(seed.hex());
    return list;
  };
  auto listed = json::array();
  for (const auto& [root, time] : state.listed) listed.push_back({{"root", root.hex()}, {"time", format_time(time)}});
  write(directory_ / "roots.json", {{"seeds", hex_of(state.seeds)},
                                    {"listed", listed},
                                    {"asked", to_json(state.asked)},
                                    {"sought", to_json(state.sought.when)},
                                    {"sought-seeds", hex_of(state.sought.seeds)},
                                    {"grew", to_json(state.grew)},
                                    {"longest", state.longest.count()},
                                    {"taken", state.taken}});
}

std::optional<Withheld> StateDirectory::withheld(const std::string& certificate) const {
  return read<std::optional<Withheld>>(directory_ / ("withheld." + certificate + ".json"), [](const json& content) {
    return Withheld{.leaf = to_fingerprint(content.at("leaf").get<std::string>()),
                    .reason = content.at("reason").get<std::string>(),
                    .refusals = content.at("refusals").get<unsigned>(),
                    .last_refusal = time_in(content, "last-refusal").value_or(Time{})};
  });
}

void StateDirectory::store(const std::string& certificate, const Withheld& withheld) const {
  write(directory_ / ("withheld." + certificate + ".json"), {{"leaf", withheld.leaf.hex()},
                                                             {"reason", withheld.reason},
                                                             {"refusals", withheld.refusals},
                                                             {"last-refusal", to_json(withheld.last_refusal)}});
}

void StateDirectory::remove_withheld(const std::string& certificate) const {
  const auto path = directory_ / ("withheld." + certificate + ".json");
  move_aside_what_is_no_file(path);
  remove_file(path);
}

fs::path StateDirectory::pending_key_file(const std::string& certificate) const {
  return directory_ / ("certificate." + certificate + ".key");
}

// What is damaged costs no more than another key.
std::optional<Secret> StateDirectory::pending_key(const std::string& certificate) const try {
  auto pem = read_state_file(pending_key_file(certificate));
  if (!pem) return std::nullopt;
  return Secret(std::move(*pem));
} catch (const Error& error) {
  if (error.kind() != ErrorKind::malformed) throw;
  return std::nullopt;
}

void StateDirectory::store_pending_key(const std::string& certificate, const Secret& pem) const {
  const auto path = pending_key_file(certificate);
  move_aside_what_is_no_file(path);
  replace_file(path, pem.reveal(), file_mode::private_key);
}

void StateDirectory::remove_pending_key(const std::string& certificate) const {
  const auto path = pending_key_file(certificate);
  move_aside_what_is_no_file(path);
  remove_file(path);
}

std::vector<Certificate> StateDirectory::roots() const {
  const auto pem = read_state_file(directory_ / "roots.pem");
  if (!pem) return {};
  return parse_certificates(*pem, (directory_ / "roots.pem").string());
}

void StateDirectory::store_roots(const std::vector<Certificate>& roots) const {
  move_aside_what_is_no_file(directory_ / "roots.pem");
  replace_file(directory_ / "roots.pem", to_pem(roots), file_mode::certificate);
}

}  // namespace everleaf
