// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include <everleaf/config/load.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/lifecycle/check.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/plan.hpp>
#include <everleaf/lifecycle/situation.hpp>
#include <everleaf/process/acting_as.hpp>
#include "cli/agent/findings.hpp"

namespace everleaf::cli {
namespace {

void check_pair(const PairOnDisk& pair, const ManagedCertificate& certificate, Time now, Findings& findings) {
  const auto about = "certificate " + certificate.name;
  const auto& [from, until] = pair.validity;
  if (now >= until)
    findings.add(
        Verdict::error, about, "it has expired, at " + format_time(until),
        certificate.enroll ? "" : "there is no \"enroll\" to get another one: configure it, or put a new pair there");
  else if (from > now)
    findings.add(from > now + clock_skew_allowance ? Verdict::error : Verdict::warning, about,
                 "it is valid only from " + format_time(from) + ": the clock here may be wrong");
  if (!pair.damage.empty())
    findings.add(Verdict::error, about, pair.damage, "everleafd puts it right within an hour, and on SIGHUP at once");
}

// What lies there, and how the last tries went.
void check_standing(const Situation& situation, const ManagedCertificate& certificate, Time now, Findings& findings) {
  const auto about = "certificate " + certificate.name;
  const auto plan = next_step(certificate, situation.on_disk, situation.attempts, {}, now);
  if (const auto* pair = std::get_if<PairOnDisk>(&situation.on_disk)) check_pair(*pair, certificate, now, findings);
  if (const auto* given_up = std::get_if<GiveUp>(&plan.step))
    findings.add(Verdict::error, about, given_up->reason, "everleafd does nothing until somebody mends that");
  else if (const auto* wait = std::get_if<WaitUntil>(&plan.step);
           waits_for_retry(certificate, situation.on_disk, situation.attempts, wait != nullptr ? wait->when : now))
    findings.add(Verdict::error, about, "the last try failed: " + escape(situation.attempts.last_error, 1000),
                 situation.attempts.last_hint.empty()
                     ? "\"everleaf plan " + certificate.name + "\" says when it is tried again"
                     : escape(situation.attempts.last_hint, 1000));
  if (situation.held)
    findings.add(Verdict::error, about, "a new one is held back: " + escape(situation.held->reason, 1000),
                 "it is offered again, and at once on SIGHUP");
}

bool is_to_be_made(const std::filesystem::path& directory) {
  return ::faccessat(AT_FDCWD, directory.c_str(), F_OK, AT_EACCESS) != 0 && errno == ENOENT &&
         ::faccessat(AT_FDCWD, directory.parent_path().c_str(), W_OK, AT_EACCESS) == 0;
}

void check_certificate(const Configuration& configuration, const ManagedCertificate& certificate,
                       const std::vector<Provisioner>& provisioners, Findings& findings) {
  const auto about = "certificate " + certificate.name;
  findings.look_at(about, [&] {
    if (is_to_be_made(configuration.live_parent())) return std::string("everleafd makes live/ when it starts");
    Place(configuration, certificate).check_writable();
    return std::string("a new one can be delivered");
  });
  try {
    const auto situation = look_at(configuration, certificate);
    check_standing(situation, certificate, system_now(), findings);
    if (certificate.enroll)
      check_enrollment(certificate, !std::holds_alternative<NothingOnDisk>(situation.on_disk), provisioners, findings);
  } catch (const Error& error) {
    findings.add(Verdict::error, about, error.what(), error.hint());
  }
  if (certificate.enroll && std::holds_alternative<ProvisionerPassword>(*certificate.enroll))
    findings.add(Verdict::warning, about, "\"password-file\" holds a password that can mint any name",
                 "that is for labs and issuing hosts; elsewhere give a token");
}

// What nobody renews: its certificate was removed, renamed, or lives in given files now.
void check_abandoned(const Configuration& configuration, Findings& findings) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(configuration.live_parent(), error), end; !error && entry != end;
       entry.increment(error)) {
    const auto name = entry->path().filename().string();
    const auto found = configuration.certificates.find(name);
    const bool is_live = found != configuration.certificates.end() && !found->second.files;
    if (std::error_code unknown; is_live || !is_valid_name(name) || !entry->is_directory(unknown)) continue;
    findings.add(Verdict::warning, entry->path().string(),
                 "no [certificate." + name + "] has its files there: nobody renews what is in it",
                 "configure it, or remove the directory once no proxy reads it");
  }
}

// What a copy or a backup has left to another user, as root's often do.
std::optional<std::filesystem::path> lost_by(uid_t user, const Configuration& configuration) {
  for (const auto& path : {configuration.live_parent(), configuration.state / "state"})
    if (owner_of(path).value_or(user) != user) return path;
  return std::nullopt;
}

// Only the usual one is known to systemd.
std::string maker_of(const std::filesystem::path& state) {
  if (state == "/var/lib/everleaf")
    return "\"systemd-tmpfiles --create everleaf.conf\" makes it, or the first start of everleafd.service";
  return "the first start of everleafd makes it, if its user may write in " + state.parent_path().string() +
         "; or make it yourself, and give it to that user";
}

}  // namespace

void check_certificates(const Configuration& configuration, const std::vector<Provisioner>& provisioners,
                        Findings& findings) {
  const auto owner = owner_of(configuration.state);
  if (!owner)
    return findings.add(Verdict::error, configuration.state.string(), "there is no such directory",
                        maker_of(configuration.state));
  if (::geteuid() != 0 && ::geteuid() != *owner)
    return findings.add(Verdict::skipped, configuration.state.string(),
                        "only root and its owner can find out whether everleafd can write there");
  if (const auto lost = lost_by(*owner, configuration); lost) {
    const auto user = name_of_user(*owner);
    return findings.add(Verdict::error, lost->string(),
                        "it does not belong to user " + user + " as " + configuration.state.string() +
                            " does: everleafd cannot work there",
                        "chown -R " + user + ": " + configuration.state.string());
  }
  findings.look_at(configuration.state.string(), [&] {
    const ActingAs acting(*owner);
    for (const auto& [name, certificate] : configuration.certificates)
      check_certificate(configuration, certificate, provisioners, findings);
    check_abandoned(configuration, findings);
    return std::string("looked at as the user that owns it");
  });
}

}  // namespace everleaf::cli
