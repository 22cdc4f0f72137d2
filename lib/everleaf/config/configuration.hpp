// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
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

// What becomes of roots that the CA lists and that are not configured.
enum class RootsRule {
  pinned,  // they are reported
  follow,  // they are trusted
};

// The CA and what makes us trust it: a root's fingerprint (the root is then fetched and kept) or a file of roots.
struct Authority {
  HttpsUrl url;
  std::variant<Fingerprint, std::filesystem::path> root;
  RootsRule roots = RootsRule::pinned;
  std::vector<Fingerprint> more_roots{};  // fingerprints of others
  std::vector<HttpsUrl> stand_ins{};      // the same CA elsewhere: tried in this order where `url` does not answer
  std::size_t at_a_time = 4;              // so many certificates ask it at most
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
struct ReloadByHaproxySocket {  // none at all: its runtime API replaces what it has in memory
  std::filesystem::path socket;
  std::string certificate;  // as HAProxy knows it; empty: by the path of the file with certificate and key
};
struct NoReload {};  // it reads its files by itself
using ReloadMethod = std::variant<NoReload, ReloadByUnit, ReloadBySignal, ReloadByExec, ReloadByHaproxySocket>;

// How a proxy shows that it took up a certificate, or that it will be welcome with it. Any of them.
struct Probe {
  std::string certificate;             // the one that it shows
  std::optional<LoopbackUrl> echo{};   // a location of the proxy that says what it shows as a client
  std::optional<Endpoint> upstream{};  // whom it talks to as a client; asked before a delivery
  std::optional<Endpoint> tls{};       // where it shows it as a server
};

// A consumer of certificates.
struct Proxy {
  std::string name;
  ReloadMethod reload;
  std::chrono::milliseconds time_limit{30'000};  // of a reload
  std::vector<std::string> check;                // a program that has to succeed before each reload; empty: none
  std::vector<Probe> probes{};                   // one for a certificate at most
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
struct X5cCredential {      // a certificate that an X5C provisioner of the CA trusts, and its key
  std::string provisioner;  // empty: the CA has only one of that type
  std::filesystem::path certificate;
  std::filesystem::path key;
};
using Enrollment = std::variant<TokenFile, TokenCommand, ProvisionerPassword, X5cCredential>;

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
  std::optional<mode_t> mode;                   // of the files with the key; else 0600, or as that of a given file is
  std::optional<uid_t> owner;                   // of all files
  std::vector<gid_t> readers;                   // groups that may read the key, too
};

// An IP address, without brackets, and a port.
struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

inline constexpr auto usual_socket = "/run/everleaf/everleaf.sock";

struct Configuration {
  Authority authority;
  std::filesystem::path state = "/var/lib/everleaf";  // live/ and state/ are in it
  std::filesystem::path socket;                       // everleafd's; empty: the usual one
  std::optional<ListenAddress> metrics{};             // also over TCP
  std::map<std::string, Proxy> proxies;
  std::map<std::string, ManagedCertificate> certificates;

  std::filesystem::path live_parent() const { return state / "live"; }
  // Whoever chooses a state directory of his own has the socket in it.
  std::filesystem::path socket_path() const {
    if (!socket.empty()) return socket;
    return state == "/var/lib/everleaf" ? usual_socket : state / "everleaf.sock";
  }
};

}  // namespace everleaf
