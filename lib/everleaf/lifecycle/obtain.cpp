// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/obtain.hpp>

#include <algorithm>
#include <iterator>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/process/command.hpp>
#include <everleaf/step_ca/sign_token.hpp>
#include <everleaf/x509/certificate_request.hpp>

namespace everleaf {
namespace {

Secret trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return Secret(std::move(text));
}

// A token may be dated by one clock and judged by another.
std::string hint_for_refused_token(const StepCa& ca) {
  std::string hint =
      "the CA takes a token only once, within minutes, and at the address it was made for: get a new one";
  const auto ahead = ca.time() ? *ca.time() - system_now() : std::chrono::seconds(0);
  if (std::chrono::abs(ahead) > std::chrono::minutes(1))
    hint += " (the CA's clock is " + format_duration(std::chrono::abs(ahead)) +
            (ahead.count() > 0 ? " ahead of" : " behind") + " the one here)";
  return hint;
}

// In quotes where a shell would make something else of it.
std::string shell_word(const std::string& text) {
  const auto* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:@/";
  if (text.find_first_not_of(plain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string hint_for_another_token(const std::string& subject, const std::vector<std::string>& names) {
  std::string command = "everleaf ca token " + shell_word(subject);
  if (names != std::vector{subject})
    for (const auto& name : names) command += " --san " + shell_word(name);
  return "\"" + command + "\" makes one";
}

// In those of clouds, of Kubernetes and of OpenID Connect the subject is another.
bool says_for_what_it_is(const TokenClaims& claims) {
  const auto& audience = claims.audience;
  return !claims.names.empty() ||
         (audience.find("/1.0/") != std::string::npos && audience.find('#') == std::string::npos);
}

std::vector<Name> without(const std::vector<Name>& names, const std::vector<Name>& others) {
  std::vector<Name> rest;
  std::copy_if(names.begin(), names.end(), std::back_inserter(rest),
               [&](const Name& name) { return std::find(others.begin(), others.end(), name) == others.end(); });
  return rest;
}

// As step-ca compares them: of each kind that is asked for they must be the same (certificates:
// authority/provisioner/sign_options.go, defaultSANsValidator).
void require_names(const std::vector<Name>& in_token, const std::vector<Name>& wanted) {
  const auto missing = without(wanted, in_token);
  auto others = without(in_token, wanted);
  std::erase_if(others, [&](const Name& other) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const Name& name) { return name.kind == other.kind; });
  });
  if (missing.empty() && others.empty()) return;
  throw Error(ErrorKind::configuration, missing.empty() ? "the token is also for " + list(others)
                                        : others.empty()
                                            ? "the token is not for " + list(missing)
                                            : "the token is for " + list(others) + ", not for " + list(missing));
}

struct TokenSource {
  StepCa& ca;
  const ManagedCertificate& certificate;
  Time now;
  std::stop_token stop;

  Secret operator()(const TokenFile& file) const { return read_credential(file.path); }

  Secret operator()(const TokenCommand& command) const {
    auto result = run_command(command.argv, {}, stop);
    return trimmed(std::move(result.output));
  }

  Secret operator()(const ProvisionerPassword& credential) const {
    const auto password = read_credential(credential.password_file);
    const auto provisioner = choose_provisioner(ca.provisioners(), {credential.provisioner, "JWK"});
    const auto key = decrypt_provisioner_key(provisioner, password);
    return make_token(ca, provisioner, key, wish());
  }

  Secret operator()(const X5cCredential& credential) const {
    const auto identity = read_identity(credential);
    const auto provisioner = choose_provisioner(ca.provisioners(), {credential.provisioner, "X5C"});
    return make_x5c_token(ca, provisioner, identity, wish());
  }

  TokenWish wish() const {
    const Time from = ca.time().value_or(now);
    return {
        .subject = certificate.subject, .names = certificate.names, .validity = {from, from + usual_token_lifetime}};
  }
};

}  // namespace

Secret read_credential(const std::filesystem::path& path) try { return read_secret(path); } catch (const Error& error) {
  if (error.kind() != ErrorKind::storage) throw;
  throw error.with_hint(
      "it is read as the user of everleafd; what only root may read comes as a credential: LoadCredential= in the "
      "unit, and \"%d/\" in the path");
}

Identity read_identity(const X5cCredential& credential) {
  const auto path = credential.certificate.string();
  Identity identity{parse_certificates(read_credential(credential.certificate).reveal(), path),
                    PrivateKey::from_pem(read_credential(credential.key).reveal(), credential.key.string())};
  require_matching(identity, path + " and " + credential.key.string());
  return identity;
}

std::vector<Certificate> enroll(StepCa& ca, const CertificateWish& wish, const PrivateKey& key, const Secret& token) {
  return sign(ca, {.certificate_request = make_certificate_request(key, wish.subject, classify_all(wish.names)),
                   .token = token,
                   .not_before = wish.not_before,
                   .not_after = wish.not_after});
}

std::vector<Certificate> sign(StepCa& ca, const SignRequest& request) try {
  return ca.sign(request);
} catch (const Error& error) {
  if (error.kind() != ErrorKind::unauthorized) throw;
  throw error.with_hint(hint_for_refused_token(ca));
}

std::vector<Certificate> renew(StepCa& ca, const Identity& present, Time now) {
  if (present.leaf().validity().not_after <= now) return ca.renew_by_token(present, now);
  return ca.renew(present);
}

std::vector<Certificate> rekey(StepCa& ca, const Identity& present, const PrivateKey& new_key, Time now) {
  if (present.leaf().validity().not_after <= now)
    throw Error(ErrorKind::refused, "the certificate is expired",
                "renew it first with \"everleaf ca renew\", if the provisioner allows that after expiry");
  return ca.rekey(present, make_certificate_request(new_key, "", {}));
}

void require_token_for(const Secret& token, const std::string& subject, const std::vector<std::string>& names,
                       std::optional<Time> now) try {
  if (token.empty()) throw Error(ErrorKind::configuration, "the token is empty");
  const auto claims = read_token(token);
  if (now && claims.expires && *claims.expires <= *now)
    throw Error(ErrorKind::configuration, "the token has expired, at " + format_time(*claims.expires));
  if (!says_for_what_it_is(claims)) return;
  if (claims.subject != subject)
    throw Error(ErrorKind::configuration,
                "the token is for \"" + escape(claims.subject) + "\", not for \"" + escape(subject) + "\"");
  if (!claims.names.empty()) require_names(classify_all(claims.names), classify_all(names));
} catch (const Error& error) {
  throw error.with_hint(hint_for_another_token(subject, names));
}

Secret enrollment_token(StepCa& ca, const ManagedCertificate& certificate, Time now, std::stop_token stop) {
  auto token = std::visit(TokenSource{ca, certificate, now, std::move(stop)}, *certificate.enroll);
  require_token_for(token, certificate.subject, certificate.names);
  return token;
}

}  // namespace everleaf
