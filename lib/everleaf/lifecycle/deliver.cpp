// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/deliver.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file_set.hpp>

namespace everleaf {
namespace {

constexpr auto certificate_file = "tls.crt";
constexpr auto key_file = "tls.key";
constexpr auto combined_file = "tls.pem";
constexpr auto root_file = "ca.crt";

std::optional<Identity> parse_pair(const std::optional<std::string>& certificate, const std::optional<std::string>& key,
                                   const std::string& source) {
  if (!certificate && !key) return std::nullopt;
  if (!certificate || !key)
    throw Error(
        ErrorKind::conflict,
        source + ": there is a " + (certificate ? "certificate without its key" : "key without its certificate"),
        "put the other one back, or remove this one to get a new pair");
  Identity identity{parse_certificates(*certificate, source), PrivateKey::from_pem(*key, source)};
  require_matching(identity, source);
  return identity;
}

std::optional<Fingerprint> leaf_of(const std::optional<Identity>& identity) {
  if (!identity) return std::nullopt;
  return identity->leaf().fingerprint();
}

}  // namespace

Place::Place(const Configuration& configuration, const ManagedCertificate& certificate)
    : given_(certificate.files),
      names_(classify_all(certificate.names)),
      directory_(configuration.live_parent(), certificate.name) {}

std::vector<std::filesystem::path> Place::given_paths() const {
  std::vector<std::filesystem::path> paths;
  for (const auto& path : {given_->certificate, given_->key, given_->combined, given_->root})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

// What commands on these files hold as well while they look at or replace them.
Lock Place::lock_given_files() const {
  const auto directory = given_->certificate.parent_path();
  return Lock::acquire(directory, {}, std::chrono::seconds(2));
}

void Place::recover() const {
  if (!given_) return;
  const auto lock = lock_given_files();
  recover_files(given_paths());
}

void Place::check_writable() const {
  directory_.check_writable();
  if (!given_) return;
  for (const auto& path : given_paths()) AtomicFile(path, file_mode::private_key);  // made and removed again
}

std::optional<Identity> Place::live() const {
  if (given_)
    return parse_pair(read_file_if_present(given_->certificate), read_file_if_present(given_->key),
                      given_->certificate.string() + " and " + given_->key.string());
  const auto files = directory_.read_live_together({certificate_file, key_file});
  return parse_pair(files[0], files[1], directory_.path().string());
}

std::string Place::missing_names(const Certificate& leaf) const {
  const auto there = leaf.names();
  std::vector<Name> missing;
  std::copy_if(names_.begin(), names_.end(), std::back_inserter(missing),
               [&](const Name& name) { return std::find(there.begin(), there.end(), name) == there.end(); });
  return missing.empty() ? "" : list(missing);
}

OnDisk Place::look() const {
  try {
    const auto identity = live();
    if (!identity) return NothingOnDisk{};
    return PairOnDisk{identity->leaf().validity(), identity->leaf().fingerprint(), missing_names(identity->leaf())};
  } catch (const Error& error) {
    return UnusableOnDisk{error.what()};
  }
}

std::optional<Identity> Place::next() const {
  if (!directory_.has_next()) return std::nullopt;
  try {
    return parse_pair(directory_.read_next(certificate_file), directory_.read_next(key_file), "a staged generation");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::conflict) throw;
    return std::nullopt;  // somebody else's hand was in it: what we stage is whole
  }
}

std::optional<Identity> Place::staged() const {
  const auto staged = next();
  const auto present = live();
  if (staged && present && staged->leaf().validity().not_after <= present->leaf().validity().not_after)
    return std::nullopt;
  return staged;
}

void Place::stage(const Generation& generation) {
  const auto chain = to_pem(generation.identity.chain);
  const auto key = generation.identity.key.to_pem();
  directory_.stage({{certificate_file, file_mode::certificate, chain},
                    {key_file, file_mode::private_key, std::string(key.reveal())},
                    {combined_file, file_mode::private_key, chain + std::string(key.reveal())},
                    {root_file, file_mode::certificate, to_pem(generation.roots)}});
}

void Place::swap(const std::optional<Fingerprint>& replaced) {
  std::optional<Lock> lock;
  if (given_) lock = lock_given_files();
  if (leaf_of(live()) != replaced)
    throw Error(ErrorKind::conflict, directory_.path().string() + " was changed by somebody else meanwhile",
                "what is there now is taken as it is");
  if (given_) return swap_given_files();
  directory_.exchange();
}

void Place::swap_given_files() const {
  std::vector<FileTarget> targets{{given_->certificate, mode_of(given_->certificate, file_mode::certificate)},
                                  {given_->key, mode_of(given_->key, file_mode::private_key)}};
  std::vector<const char*> sources{certificate_file, key_file};
  if (!given_->combined.empty()) {
    targets.push_back({given_->combined, mode_of(given_->combined, file_mode::private_key)});
    sources.push_back(combined_file);
  }
  if (!given_->root.empty()) {
    targets.push_back({given_->root, mode_of(given_->root, file_mode::certificate)});
    sources.push_back(root_file);
  }
  FileSet files(targets);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto contents = directory_.read_next(sources[i]);
    if (!contents) throw Error(ErrorKind::conflict, "the staged " + std::string(sources[i]) + " is gone");
    files.write(i, *contents);
  }
  files.commit();
}

void Place::discard_next() { directory_.remove_next(); }

}  // namespace everleaf
