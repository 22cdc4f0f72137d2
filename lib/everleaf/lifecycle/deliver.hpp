// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <everleaf/config/configuration.hpp>
#include <everleaf/files/file_set.hpp>
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

// Makes the directory that all live directories are in, if it is not there: everybody may pass it, not list it. Throws
// conflict for what is no directory, and storage.
void make_live_parent(const Configuration& configuration);

// The place where a managed certificate lives: its live directory, or the files it was given. A new generation is first
// staged whole, synced, as the directory's `next`; then one swap makes it live. A crash in between leaves a staged
// generation that staged() finds again.
class Place {
 public:
  Place(const Configuration& configuration, const ManagedCertificate& certificate);

  // Completes a delivery to given files that was interrupted between two renames.
  void recover() const;
  // Finds out whether stage() and swap() could write. Leaves nothing behind.
  void check_writable() const;
  // The same before the CA is asked: what stage() will write to is made, and removed with this object.
  void prepare();

  // Throws malformed, conflict or storage when there is something that is no pair.
  std::optional<Identity> live() const;
  // The same for planning; the key is not parsed if it can be told without that whose it is. What lies beside the pair
  // is looked at by who knows whom to trust.
  OnDisk look(const std::vector<Certificate>& trusted = {}) const;
  // What will be found damaged when the staged generation is live: its modes, where the file system does not keep them.
  std::string damage_of_next() const;
  // What a consumer reads that takes certificate and key from one file, and whom it is to trust.
  std::filesystem::path combined_path() const;
  std::filesystem::path root_path() const;  // empty: it is not written
  // What lies beside the live pair: staged and not swapped in, or live before the last swap. Nothing if it is no pair.
  std::optional<Identity> next() const;
  // Its leaf, in a tenth of the time.
  std::optional<Certificate> next_leaf() const;
  // next(), if it is newer than what is live: an earlier run staged it and was stopped before the swap.
  std::optional<Identity> staged() const;
  // What was live before the last swap, if that is known. The same swap() brings it back, and then the new one again.
  std::optional<Identity> previous() const;

  void stage(const Generation& generation);
  // Throws conflict if `replaced` (nothing: no certificate) is not what is live any more: somebody changed it
  // meanwhile.
  void swap(const std::optional<Fingerprint>& replaced);
  // Removes what was staged or what was live before the last swap, key first.
  void discard_next();
  // The same for what would be discarded again if a power cut brought it back: for everything but a generation that is
  // newer than what is live.
  void sweep_next();
  bool has_leftovers() const { return directory_.has_next() || (given_ && before_.has_next()); }

 private:
  struct PairText {
    std::optional<std::string> certificate;
    std::optional<std::string> key;
    std::string source;
    std::string missing{};  // the file of the two that is not there, and was read from the combined one
  };
  PairText read_live(const OpenGeneration& live) const;
  PairText read_pair(const OpenGeneration& live) const;
  std::string damage_in(const OpenGeneration& generation, const PairText& pair) const;
  std::string damage_of_given(const PairText& pair) const;
  std::optional<Certificate> live_leaf() const;
  struct GivenFile {
    FileTarget target;
    const char* staged;
  };

  FileAccess with_mode(mode_t mode) const;
  FileAccess staged_access(mode_t mode) const;
  std::vector<LiveFile> staged_files() const;
  void check_given_files() const;
  std::vector<GivenFile> given_files() const;
  std::vector<std::filesystem::path> given_paths() const;
  Lock lock_given_files() const;
  bool is_staged_in_place() const;
  void swap_given_files();
  void replace_given_files(const LiveDirectory& from) const;
  void keep_given_files();

  std::string missing_names(const Certificate& leaf) const;

  std::optional<GivenFiles> given_;
  std::optional<mode_t> key_mode_;
  std::optional<uid_t> owner_;
  std::vector<gid_t> readers_;
  std::vector<Name> names_;
  LiveDirectory directory_;
  LiveDirectory before_;  // its next keeps what given files held before the last swap
};

}  // namespace everleaf
