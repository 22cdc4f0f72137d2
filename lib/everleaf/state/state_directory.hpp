// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/secret/secret.hpp>
#include <everleaf/state/state.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// DIR/state: versioned JSON, one file a certificate (`certificate.NAME.json`) and one a proxy (`proxy.NAME.json`),
// pending keys (`certificate.NAME.key`), what is held back (`withheld.NAME.json`), ca.json, roots.json and roots.pem.
// Every write replaces a file whole and syncs it. One process at a time: who uses it holds its lock.
class StateDirectory {
 public:
  explicit StateDirectory(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Makes the directory (0700) if it is missing.
  void create() const;
  // Removes what killed runs left of their writes. Under the lock.
  void remove_strays() const;
  std::filesystem::path lock_file() const { return directory_ / "lock"; }

  // Nothing known: an empty state. Throws malformed for a cut file or one of a newer version, with a hint; also for
  // what is no file, or larger than 1 MiB (an account: 16). The next write moves such a thing aside, to
  // `NAME.left-NUMBER`.
  Attempts attempts(const std::string& certificate) const;
  void store(const std::string& certificate, const Attempts& attempts) const;
  ProxyState proxy(const std::string& proxy) const;
  void store(const std::string& proxy, const ProxyState& state) const;

  AuthorityState authority() const;
  void store(const AuthorityState& state) const;
  // The new certificate that is held back, if any.
  std::optional<Withheld> withheld(const std::string& certificate) const;
  void store(const std::string& certificate, const Withheld& withheld) const;
  void remove_withheld(const std::string& certificate) const;

  // The key of a first certificate that is being asked for: kept from before the token is spent until the certificate
  // is delivered. Nothing as well for what is no file, or far too large.
  std::optional<Secret> pending_key(const std::string& certificate) const;
  void store_pending_key(const std::string& certificate, const Secret& pem) const;
  void remove_pending_key(const std::string& certificate) const;

  // The roots we trust and deliver; empty if there are none yet.
  std::vector<Certificate> roots() const;
  void store_roots(const std::vector<Certificate>& roots) const;
  RootsState roots_state() const;
  void store(const RootsState& state) const;

 private:
  std::filesystem::path pending_key_file(const std::string& certificate) const;

  std::filesystem::path directory_;
};

}  // namespace everleaf
