// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file.hpp>
#include <everleaf/x509/describe.hpp>
#include "cli/certificate/trust_store.hpp"
#include "cli/command.hpp"
#include "cli/not_supported.hpp"
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

struct InstallOptions {
  std::string file;
  std::string prefix;
  bool java = false;
  bool firefox = false;
  bool all = false;

  void add_to(CLI::App& command) {
    command.add_option("FILE", file, "the root certificate")->required();
    command.add_option("--prefix", prefix, "how its file there begins; default: its common name")->type_name("NAME");
    command.add_flag("--java", java, "that of Java as well; refused where there is one");
    command.add_flag("--firefox", firefox, "that of Firefox as well; refused where there is one");
    command.add_flag("--all", all, "--java and --firefox");
    refuse_switches(command, {"--no-system"});
  }

  // As step, which passes over stores that it does not find; but what it would have written is not left out silently.
  void require_no_other_store() const {
    if (java || all) require_none(java_store(), java ? "--java" : "--all", "keytool");
    if (firefox || all) require_none(firefox_store(), firefox ? "--firefox" : "--all", "certutil");
  }

 private:
  static void require_none(const std::filesystem::path& store, const std::string& flag, const std::string& program) {
    if (store.empty()) return;
    throw Error(ErrorKind::usage, flag + " is not supported yet where there is " + store.string(),
                "leave it out for the system's store, and use \"" + program + "\" for the other");
  }
};

std::string words_on(const Certificate& root, const std::string& what) {
  return "Certificate " + what + "\n" + describe_shortly(root);
}

int install(const InstallOptions& options) {
  options.require_no_other_store();
  const auto root = read_root(options.file);
  const auto file = trust_store_file(root, options.prefix);
  replace_file(file, root.to_pem(), file_mode::certificate);
  refresh_trust_store();
  print("installed", wants_json() ? file.string() : words_on(root, options.file + " has been installed."));
  return 0;
}

int uninstall(const InstallOptions& options) {
  options.require_no_other_store();
  const auto root = read_root(options.file);
  const auto file = trust_store_file(root, options.prefix);
  remove_file(file);
  refresh_trust_store();
  print("removed", wants_json() ? file.string() : words_on(root, options.file + " has been removed."));
  return 0;
}

}  // namespace

void add_certificate_install(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("install", "Put a root certificate into the system's trust store");
  command.footer(
      "Examples:\n"
      "  everleaf certificate install root_ca.crt\n"
      "  everleaf certificate install --prefix internal- root_ca.crt");
  auto options = std::make_shared<InstallOptions>();
  options->add_to(command);
  on_run(command, [options] { return install(*options); });
}

void add_certificate_uninstall(CLI::App& certificate) {
  auto& command = *certificate.add_subcommand("uninstall", "Take a root certificate out of the system's trust store");
  command.footer(
      "Examples:\n"
      "  everleaf certificate uninstall root_ca.crt\n"
      "  everleaf certificate uninstall --prefix internal- root_ca.crt");
  auto options = std::make_shared<InstallOptions>();
  options->add_to(command);
  on_run(command, [options] { return uninstall(*options); });
}

}  // namespace everleaf::cli
