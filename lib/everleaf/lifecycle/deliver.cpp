// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/deliver.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

constexpr auto certificate_file = "tls.crt";
constexpr auto key_file = "tls.key";
constexpr auto combined_file = "tls.pem";
constexpr auto root_file = "ca.crt";

// Whether there is one; throws conflict for half of one.
bool is_pair(const std::optional<std::string>& certificate, const std::optional<std::string>& key,
             const std::string& source) {
  if (!certificate != !key)
    throw Error(
        ErrorKind::conflict,
        source + ": there is a " + (certificate ? "certificate without its key" : "key without its certificate"),
        "put the other one back, or remove this one to get a new pair");
  return certificate.has_value();
}

std::optional<Identity> parse_pair(const std::optional<std::string>& certificate, const std::optional<std::string>& key,
                                   const std::string& source) {
  if (!is_pair(certificate, key, source)) return std::nullopt;
  Identity identity{parse_certificates(*certificate, source), PrivateKey::from_pem(*key, source)};
  require_matching(identity, source);
  return identity;
}

// The same in less time, where nobody needs the key.
std::optional<Certificate> parse_leaf(const std::optional<std::string>& certificate,
                                      const std::optional<std::string>& key, const std::string& source) {
  if (!is_pair(certificate, key, source)) return std::nullopt;
  auto leaf = parse_certificates(*certificate, source).front();
  if (!visibly_matches(*key, leaf)) require_matching({{leaf}, PrivateKey::from_pem(*key, source)}, source);
  return leaf;
}

// Somebody else's hand was in what is no pair: what we stage is whole.
template <typename Parse>
auto parse_next(const LiveDirectory& directory, Parse parse)
    -> decltype(parse(std::nullopt, std::nullopt, std::string())) {
  if (!directory.has_next()) return std::nullopt;
  try {
    return parse(directory.read_next(certificate_file), directory.read_next(key_file), "a staged generation");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::conflict) throw;
    return std::nullopt;
  }
}

// By when it was issued: lifetimes may become shorter.
bool is_newer(const Validity& one, const Validity& other) {
  return std::pair(one.not_before, one.not_after) > std::pair(other.not_before, other.not_after);
}

// Nothing as well for what is no file, or a link: we put none there.
std::optional<std::string> read_if_possible(const OpenGeneration& generation, const char* file) try {
  return generation.read(file);
} catch (const Error&) {
  return std::nullopt;
}

std::optional<std::string> read_given(const std::filesystem::path& file) try {
  return file.empty() ? std::nullopt : read_file_if_present(file);
} catch (const Error&) {
  return std::nullopt;
}

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

std::optional<Fingerprint> fingerprint_of(const std::optional<Certificate>& certificate) {
  if (!certificate) return std::nullopt;
  return certificate->fingerprint();
}

// Known to be missing: what may not be looked at may be there.
bool is_missing(const std::filesystem::path& path) {
  std::error_code error;
  return !std::filesystem::exists(path, error) && !error;
}

}  // namespace

void make_live_parent(const Configuration& configuration) {
  const auto directory = configuration.live_parent();
  std::error_code error;
  if (std::filesystem::create_directory(directory, error))
    std::filesystem::permissions(directory, std::filesystem::perms(0711), error);
  if (error == std::errc::file_exists)
    throw Error(ErrorKind::conflict, "cannot use " + directory.string() + ": it is not a directory");
  if (error) throw system_error("cannot make " + directory.string(), error.value());
}

Place::Place(const Configuration& configuration, const ManagedCertificate& certificate)
    : given_(certificate.files),
      key_mode_(certificate.mode),
      owner_(certificate.owner),
      readers_(certificate.readers),
      names_(classify_all(certificate.names)),
      directory_(configuration.live_parent(), certificate.name),
      before_(configuration.live_parent(), certificate.name + ".before") {}

// What everybody may read needs no readers.
FileAccess Place::with_mode(mode_t mode) const {
  FileAccess access(mode);
  access.owner = owner_;
  if ((mode & S_IROTH) == 0) access.readers = readers_;
  return access;
}

// Given files get theirs when they are put in place.
FileAccess Place::staged_access(mode_t mode) const { return given_ ? FileAccess(mode) : with_mode(mode); }

std::vector<Place::GivenFile> Place::given_files() const {
  const auto for_certificates = [&](const auto& path) { return with_mode(mode_of(path, file_mode::certificate)); };
  const auto for_keys = [&](const auto& path) {  // the group's part of a mode that has an ACL is not the group's
    const auto mode = readers_.empty() ? mode_of(path, file_mode::private_key) : file_mode::private_key;
    return with_mode(key_mode_.value_or(mode));
  };
  const auto& [certificate, key, combined, root] = *given_;
  std::vector<GivenFile> files{{{certificate, for_certificates(certificate)}, certificate_file},
                               {{key, for_keys(key)}, key_file}};
  if (!combined.empty()) files.push_back({{combined, for_keys(combined)}, combined_file});
  if (!root.empty()) files.push_back({{root, for_certificates(root)}, root_file});
  return files;
}

std::vector<std::filesystem::path> Place::given_paths() const {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : given_files()) paths.push_back(file.target.path);
  return paths;
}

// What commands on these files hold as well while they look at or replace them.
Lock Place::lock_given_files() const {
  const auto directory = given_->certificate.parent_path();
  if (is_missing(directory))  // a lock file would be made
    throw Error(ErrorKind::missing, "cannot write " + given_->certificate.string() + ": there is no directory",
                "make the directory " + directory.string() + " first");
  return Lock::acquire(directory, {}, std::chrono::seconds(2));
}

void Place::recover() const {
  if (!given_ || is_missing(given_->certificate.parent_path())) return;
  const auto lock = lock_given_files();
  recover_files(given_paths());
}

// Without what they will hold.
std::vector<LiveFile> Place::staged_files() const {
  const auto for_certificates = staged_access(file_mode::certificate);
  const auto for_keys = staged_access(key_mode_.value_or(file_mode::private_key));
  return {{certificate_file, for_certificates, ""},
          {key_file, for_keys, ""},
          {combined_file, for_keys, ""},
          {root_file, for_certificates, ""}};
}

void Place::check_given_files() const {
  if (!given_) return;
  for (const auto& file : given_files())
    AtomicFile(file.target.path, file.target.access).reserve();  // made and removed again
}

void Place::check_writable() const {
  directory_.check_writable(staged_files());
  check_given_files();
}

void Place::prepare() {
  directory_.prepare(staged_files());
  check_given_files();
}

// One of the two that somebody removed is in the combined file as well.
Place::PairText Place::read_live(const OpenGeneration& live) const {
  auto pair = read_pair(live);
  if (!pair.certificate == !pair.key) return pair;
  const auto combined = given_ ? read_given(given_->combined) : read_if_possible(live, combined_file);
  if (!combined) return pair;
  if (pair.certificate && combined->starts_with(*pair.certificate) && *combined != *pair.certificate) {
    pair.key = combined->substr(pair.certificate->size());
    pair.missing = given_ ? given_->key.string() : key_file;
  } else if (pair.key && combined->ends_with(*pair.key) && *combined != *pair.key) {
    pair.certificate = combined->substr(0, combined->size() - pair.key->size());
    pair.missing = given_ ? given_->certificate.string() : certificate_file;
  }
  return pair;
}

Place::PairText Place::read_pair(const OpenGeneration& live) const {
  if (given_)
    return {read_file_if_present(given_->certificate), read_file_if_present(given_->key),
            given_->certificate.string() + " and " + given_->key.string()};
  return {live.read(certificate_file), live.read(key_file),
          (directory_.path() / certificate_file).string() + " and " + std::string(key_file)};
}

std::optional<Identity> Place::live() const {
  const auto pair = read_live(directory_.open_live());
  return parse_pair(pair.certificate, pair.key, pair.source);
}

std::string Place::missing_names(const Certificate& leaf) const {
  const auto there = leaf.names();
  std::vector<Name> missing;
  std::copy_if(names_.begin(), names_.end(), std::back_inserter(missing),
               [&](const Name& name) { return std::find(there.begin(), there.end(), name) == there.end(); });
  return missing.empty() ? "" : list(missing);
}

std::optional<Certificate> Place::live_leaf() const {
  const auto pair = read_live(directory_.open_live());
  return parse_leaf(pair.certificate, pair.key, pair.source);
}

OnDisk Place::look(const std::vector<Certificate>& trusted) const try {
  const auto live = directory_.open_live();
  const auto text = read_live(live);
  const auto leaf = parse_leaf(text.certificate, text.key, text.source);
  if (!leaf) return NothingOnDisk{};
  PairOnDisk pair{leaf->validity(), leaf->fingerprint(), missing_names(*leaf)};
  pair.is_half = !text.missing.empty();
  if (trusted.empty()) return pair;
  pair.damage = pair.is_half ? "there is no " + text.missing : given_ ? damage_of_given(text) : damage_in(live, text);
  if (root_path().empty()) return pair;
  const auto root = given_ ? read_file_if_present(given_->root) : read_if_possible(live, root_file);
  pair.has_other_roots = root && *root != to_pem(trusted);
  if (!root) pair.damage = "there is no " + root_path().filename().string();
  return pair;
} catch (const Error& error) {
  return UnusableOnDisk{error.what()};
}

std::string Place::damage_in(const OpenGeneration& generation, const PairText& pair) const {
  if (read_if_possible(generation, combined_file) != *pair.certificate + *pair.key)
    return "tls.pem is not tls.crt and tls.key";
  const auto access = with_mode(key_mode_.value_or(file_mode::private_key));
  const mode_t most = access.mode | (access.readers.empty() ? 0 : S_IRGRP);
  for (const auto* file : {key_file, combined_file})
    if (const auto mode = generation.mode_of(file); (mode & ~most & (S_IRWXG | S_IRWXO)) != 0)
      return std::string(file) + " has mode " + octal(mode) + ", not " + octal(most);
  return {};
}

// Who may read them is the operator's business. What cannot be read cannot be replaced either, as a renewal will say.
std::string Place::damage_of_given(const PairText& pair) const try {
  const auto& combined = given_->combined;
  if (combined.empty() || read_file_if_present(combined) == *pair.certificate + *pair.key) return {};
  return combined.string() + " is not the certificate and its key";
} catch (const Error&) {
  return {};
}

std::string Place::damage_of_next() const {
  const auto next = directory_.open_next();
  return given_ ? "" : damage_in(next, {next.read(certificate_file), next.read(key_file), {}});
}

std::optional<Identity> Place::next() const { return parse_next(directory_, parse_pair); }

std::optional<Certificate> Place::next_leaf() const { return parse_next(directory_, parse_leaf); }

std::optional<Identity> Place::previous() const {
  if (given_) return parse_next(before_, parse_pair);
  if (staged()) return std::nullopt;
  return next();
}

std::filesystem::path Place::combined_path() const {
  if (!given_) return directory_.path() / combined_file;
  return given_->combined.empty() ? given_->certificate : given_->combined;
}

std::filesystem::path Place::root_path() const { return given_ ? given_->root : directory_.path() / root_file; }

std::optional<Identity> Place::staged() const {
  const auto staged = next_leaf();
  if (!staged) return std::nullopt;
  const auto present = live_leaf();
  if (present && !is_newer(staged->validity(), present->validity())) return std::nullopt;
  return next();
}

void Place::stage(const Generation& generation) {
  auto files = staged_files();
  files[0].contents = to_pem(generation.identity.chain);
  files[1].contents = generation.identity.key.to_pem().reveal();
  files[2].contents = files[0].contents + files[1].contents;
  files[3].contents = to_pem(generation.roots);
  directory_.stage(files);
}

void Place::swap(const std::optional<Fingerprint>& replaced) {
  std::optional<Lock> lock;
  if (given_) lock = lock_given_files();
  if (fingerprint_of(live_leaf()) != replaced)
    throw Error(ErrorKind::conflict,
                (given_ ? given_->certificate : directory_.path()).string() + " was changed by somebody else meanwhile",
                "what is there now is taken as it is");
  if (given_) return swap_given_files();
  directory_.exchange();
}

// Whether the staged generation was put in place already. One with the same pair may differ in what lies beside it.
bool Place::is_staged_in_place() const {
  const auto next = directory_.open_next();
  const auto is_in_place = [&](const std::filesystem::path& file, const char* staged) {
    return file.empty() || next.read(staged) == read_file_if_present(file);
  };
  return read_live(directory_.open_live()).missing.empty() &&
         fingerprint_of(next_leaf()) == fingerprint_of(live_leaf()) && is_in_place(given_->root, root_file) &&
         is_in_place(given_->combined, combined_file);
}

// Once the new generation is in place, there is only the one before it to be swapped with.
void Place::swap_given_files() {
  if (is_staged_in_place()) return replace_given_files(before_);
  keep_given_files();
  replace_given_files(directory_);
}

void Place::keep_given_files() {
  const auto certificate = read_file_if_present(given_->certificate);
  const auto key = read_file_if_present(given_->key);
  if (!certificate || !key) return;
  std::vector<LiveFile> files{{certificate_file, file_mode::certificate, *certificate},
                              {key_file, file_mode::private_key, *key},
                              {combined_file, file_mode::private_key, *certificate + *key}};
  const auto root = given_->root.empty() ? std::nullopt : read_file_if_present(given_->root);
  if (root) files.push_back({root_file, file_mode::certificate, *root});
  before_.stage(files);
}

void Place::replace_given_files(const LiveDirectory& from) const {
  const auto given = given_files();
  std::vector<FileTarget> targets;
  for (const auto& file : given) targets.push_back(file.target);
  FileSet files(targets);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto contents = from.read_next(given[i].staged);
    if (!contents) throw Error(ErrorKind::conflict, "the staged " + std::string(given[i].staged) + " is gone");
    files.write(i, *contents);
  }
  files.commit();
}

void Place::discard_next() {
  directory_.remove_next();
  if (given_) before_.remove_next();
}

void Place::sweep_next() {
  directory_.sweep_next();
  if (given_) before_.sweep_next();
}

}  // namespace everleaf
