// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <everleaf/http/url.hpp>
#include <everleaf/x509/fingerprint.hpp>
#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// The CA and what makes us trust it: a root's fingerprint (the root is then fetched and kept) or the root itself.
struct Authority {
  HttpsUrl url;
  std::variant<Fingerprint, std::filesystem::path> root;
};

// How a proxy is made to read its files again.
struct ReloadBySignal {
  std::filesystem::path pid_file;
  int signal;
};
struct ReloadByUnit {  // systemd reloads it
  std::string unit;
};
struct ReloadByExec {
  std::vector<std::string> argv;
};
struct NoReload {};  // it reads its files by itself
using ReloadMethod = std::variant<NoReload, ReloadByUnit, ReloadBySignal, ReloadByExec>;

// A consumer of certificates.
struct Proxy {
  std::string name;
  ReloadMethod reload;
  std::chrono::milliseconds time_limit{30'000};  // of a reload
};

// Where the one-time token of a first certificate comes from.
struct TokenFile {
  std::filesystem::path path;
};
struct TokenCommand {
  std::vector<std::string> argv;
};
struct ProvisionerPassword {  // can mint any name: for labs and issuing hosts
  std::string provisioner;    // empty: the CA has only one with a key
  std::filesystem::path password_file;
};
using Enrollment = std::variant<TokenFile, TokenCommand, ProvisionerPassword>;

// When a renewal comes with a new key.
struct RekeyAlways {};
struct RekeyNever {};
struct RekeyAfter {
  std::chrono::seconds age;
};
using RekeyRule = std::variant<RekeyAlways, RekeyNever, RekeyAfter>;

// Given paths, for who must keep them; empty ones are not written.
struct GivenFiles {
  std::filesystem::path certificate;  // leaf and intermediates
  std::filesystem::path key;
  std::filesystem::path combined;  // certificate and key
  std::filesystem::path root;
};

struct ManagedCertificate {
  std::string name;  // [A-Za-z0-9][A-Za-z0-9_-]{0,63}
  std::string subject;
  std::vector<std::string> names;
  KeyType key = KeyType::ec_p256;
  std::optional<Enrollment> enroll;
  RekeyRule rekey = RekeyAlways{};
  std::optional<std::chrono::seconds> survive;  // outlast a CA outage this long
  std::string not_after;                        // lifetime to ask for at enrollment; empty: the CA's default
  std::vector<std::string> used_by;             // proxies
  std::optional<GivenFiles> files;              // else the live directory of its name
};

struct Configuration {
  Authority authority;
  std::filesystem::path state = "/var/lib/everleaf";  // live/ and state/ are in it
  std::map<std::string, Proxy> proxies;
  std::map<std::string, ManagedCertificate> certificates;

  std::filesystem::path live_parent() const { return state / "live"; }
};

}  // namespace everleaf
