// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/certificate_reader.hpp>

#include <unistd.h>

#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file_access.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

void read_key(TableReader& reader, ManagedCertificate& certificate) {
  const auto key = reader.text("key");
  if (!key) return;
  if (const auto type = parse_key_type(*key))
    certificate.key = *type;
  else
    reader.complain("key", "there is no kind of key \"" + escape(*key) + "\"",
                    "ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072 or rsa-4096");
}

X5cCredential read_x5c(const toml::table& table, const std::string& provisioner, const std::string& title,
                       const ProblemList& problems) {
  TableReader reader(table, title + " enroll.x5c", problems);
  reader.require("certificate");
  reader.require("key");
  X5cCredential credential{provisioner, reader.path("certificate").value_or(""), reader.path("key").value_or("")};
  reader.finish();
  return credential;
}

std::optional<Enrollment> read_enrollment(const toml::table& table, const std::string& title,
                                          const ProblemList& problems) {
  TableReader reader(table, title + " enroll", problems);
  std::vector<Enrollment> found;
  if (const auto path = reader.path("token-file")) found.emplace_back(TokenFile{*path});
  if (auto argv = reader.texts("token-command"); !argv.empty()) found.emplace_back(TokenCommand{std::move(argv)});
  const auto provisioner = reader.text("provisioner");
  const auto* x5c = reader.table("x5c");
  if (x5c != nullptr) found.emplace_back(read_x5c(*x5c, provisioner.value_or(""), title, problems));
  if (const auto path = reader.path("password-file"))
    found.emplace_back(ProvisionerPassword{provisioner.value_or(""), *path});
  else if (provisioner && x5c == nullptr)
    reader.complain("provisioner", "\"provisioner\" goes with \"password-file\" or \"x5c\"");
  reader.finish();
  if (found.size() == 1) return found.front();
  if (found.size() > 1 || table.empty())
    reader.complain("", "give exactly one of \"token-file\", \"token-command\", \"password-file\" and \"x5c\"");
  return std::nullopt;
}

std::optional<RekeyRule> read_rekey(TableReader& reader) {
  const auto text = reader.text("rekey");
  if (!text) return std::nullopt;
  if (*text == "always") return RekeyAlways{};
  if (*text == "never") return RekeyNever{};
  const auto age = parse_duration(*text);
  if (age && *age > Duration{0}) return RekeyAfter{std::chrono::duration_cast<std::chrono::seconds>(*age)};
  reader.complain("rekey", "\"rekey\" must be \"always\", \"never\" or a duration with its unit", "as \"30d\"");
  return std::nullopt;
}

GivenFiles read_files(const toml::table& table, const std::string& title, const ProblemList& problems) {
  TableReader reader(table, title + " files", problems);
  reader.require("certificate");
  reader.require("key");
  GivenFiles files{reader.path("certificate").value_or(""), reader.path("key").value_or(""),
                   reader.path("combined").value_or(""), reader.path("root").value_or("")};
  reader.finish();
  return files;
}

// Three or four octal digits. Who may write or read a key has to be said with care, so what lets everybody is refused.
std::optional<mode_t> parse_mode(const std::string& text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos) return std::nullopt;
  const auto mode = static_cast<mode_t>(std::stoul(text, nullptr, 8));
  return (mode & 0400) != 0 && (mode & ~0660U) == 0 ? std::optional(mode) : std::nullopt;
}

void read_access(TableReader& reader, ManagedCertificate& certificate) {
  if (const auto text = reader.text("mode")) {
    certificate.mode = parse_mode(*text);
    if (!certificate.mode)
      reader.complain("mode", "\"mode\" must be octal digits that let its owner read the key, and not everybody",
                      "as \"0640\"; \"readers\" gives it to groups that own nothing");
  }
  if (const auto name = reader.text("owner")) {
    certificate.owner = find_user(*name);
    if (!certificate.owner)
      reader.complain("owner", "there is no user \"" + escape(*name) + "\"");
    else if (geteuid() != 0)
      reader.complain("owner", "\"owner\" works only for root", "\"readers\" lets a group of that user read the key");
  }
  for (const auto& name : reader.texts("readers")) {
    const auto group = find_group(name);
    if (group) certificate.readers.push_back(*group);
    if (!group) reader.complain("readers", "there is no group \"" + escape(name) + "\"", "\"getent group\" lists them");
  }
}

void read_lifetime(TableReader& reader, ManagedCertificate& certificate) {
  if (const auto survive = reader.duration("survive"))
    certificate.survive = std::chrono::duration_cast<std::chrono::seconds>(*survive);
  certificate.not_after = reader.text("not-after").value_or("");
  const auto asked = parse_duration(certificate.not_after);
  if (!certificate.not_after.empty() && asked.value_or(Duration{0}) <= Duration{0} &&
      !parse_time(certificate.not_after))
    reader.complain("not-after", "\"not-after\" must be a duration with its unit, or a time", "as \"24h\"");
  if (asked && certificate.survive && *certificate.survive > *asked / 2)
    reader.complain("survive", "\"survive\" is over half of the lifetime");
}

}  // namespace

ManagedCertificate read_certificate(const std::string& name, const std::string& title, TableReader& reader,
                                    const ProblemList& problems) {
  ManagedCertificate certificate{.name = name};
  reader.require("subject");
  certificate.subject = reader.text("subject").value_or("");
  certificate.names = reader.texts("names");
  if (certificate.names.empty()) certificate.names = {certificate.subject};
  read_key(reader, certificate);
  if (const auto* enroll = reader.table("enroll")) certificate.enroll = read_enrollment(*enroll, title, problems);
  certificate.rekey = read_rekey(reader).value_or(RekeyAlways{});
  read_lifetime(reader, certificate);
  if (const auto* files = reader.table("files")) certificate.files = read_files(*files, title, problems);
  read_access(reader, certificate);
  return certificate;
}

}  // namespace everleaf
