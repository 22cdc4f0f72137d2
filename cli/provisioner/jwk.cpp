// SPDX-License-Identifier: Apache-2.0
#include "cli/provisioner/jwk.hpp"

#include <everleaf/files/streams.hpp>
#include <everleaf/jose/jwe.hpp>
#include <everleaf/jose/jwk.hpp>
#include "cli/output_files.hpp"
#include "cli/terminal.hpp"

namespace everleaf::cli {
namespace {

constexpr int tries = 3;  // at the terminal, as with step

// What `open` makes of the password of `what`.
template <typename Open>
auto unlock(const std::string& what, const std::string& password_file, Open open) {
  if (!password_file.empty()) return open(read_secret_input(password_file));
  const auto ask = [&] {
    return ask_password("Please enter the password to decrypt " + what,
                        "give the password with --provisioner-password-file");
  };
  for (int more = tries - 1; more > 0; --more) {
    try {
      return open(ask());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::crypto) throw;
      say(error.what());
    }
  }
  return open(ask());
}

// A provisioner's own key: a JWK, encrypted or not, or PEM.
PrivateKey read_signing_key(const std::string& file, const std::string& password_file) try {
  const auto text = read_input(file);
  if (text.find("-----BEGIN ") != std::string::npos) return parse_key(text, file, password_file);
  const std::string json(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
  if (json.starts_with('{')) return private_key_from_jwk(json, file);
  return private_key_from_jwk(
      unlock(file, password_file, [&](const Secret& password) { return decrypt_jwe(json, password); }).reveal(), file);
} catch (const Error& error) {
  throw error.within("cannot take the key of " + file);
}

}  // namespace

void JwkCredential::add_key_to(CLI::App& command) {
  command.add_option("--key", key_file_, "file with the provisioner's key, if the CA does not keep it")
      ->type_name("FILE");
}

PrivateKey JwkCredential::key_of(const Provisioner& provisioner, const std::string& password_file) const {
  if (!key_file_.empty()) return read_signing_key(key_file_, password_file);
  return unlock("the provisioner key", password_file,
                [&](const Secret& password) { return decrypt_provisioner_key(provisioner, password); });
}

Secret JwkCredential::make_token(StepCa& ca, const Provisioner& provisioner, const TokenWish& wish,
                                 const std::string& password_file) const {
  return everleaf::make_token(ca, provisioner, key_of(provisioner, password_file), wish);
}

}  // namespace everleaf::cli
