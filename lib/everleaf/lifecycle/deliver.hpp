// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/files/live_directory.hpp>
#include <everleaf/files/lock.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// Everything that is put in place together.
struct Generation {
  Identity identity;
  std::vector<Certificate> roots;
};

// The place where a managed certificate lives: its live directory, or the files it was given. A new generation is first
// staged whole, synced, as the directory's `next`; then one swap makes it live. A crash in between leaves a staged
// generation that staged() finds again.
class Place {
 public:
  Place(const Configuration& configuration, const ManagedCertificate& certificate);

  // Completes a delivery to given files that was interrupted between two renames.
  void recover() const;
  // Finds out whether stage() and swap() could write, before the CA is asked.
  void check_writable() const;

  // Throws malformed, conflict or storage when there is something that is no pair.
  std::optional<Identity> live() const;
  OnDisk look() const;
  // What lies beside the live pair: staged and not swapped in, or live before the last swap. Nothing if it is no pair.
  std::optional<Identity> next() const;
  // next(), if it is newer than what is live: an earlier run staged it and was stopped before the swap.
  std::optional<Identity> staged() const;

  void stage(const Generation& generation);
  // Throws conflict if `replaced` (nothing: no certificate) is not what is live any more: somebody changed it
  // meanwhile.
  void swap(const std::optional<Fingerprint>& replaced);
  // Removes what was staged or what was live before the last swap, key first.
  void discard_next();
  bool has_leftovers() const { return directory_.has_leftovers(); }

 private:
  std::vector<std::filesystem::path> given_paths() const;
  Lock lock_given_files() const;
  void swap_given_files() const;

  std::string missing_names(const Certificate& leaf) const;

  std::optional<GivenFiles> given_;
  std::vector<Name> names_;
  LiveDirectory directory_;
};

}  // namespace everleaf
