# SPDX-License-Identifier: Apache-2.0
"""ca certificate, sign, token and revoke by other provisioners than JWK: X5C, K8sSA; and those that cannot be asked."""
import base64
import fcntl
import json
import os
import pty
import signal
import subprocess
import termios

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from certificates import DAY, DER, Seconds, issue, load, names_of, now, pair_matches
from jose import claims_of, header_of
from program import BINARIES
from provisioners import K8sSaProvisioner, X5cCredential, X5cProvisioner
from step_ca import RealCa, usual_provisioners

CERTIFICATE = ["ca", "certificate", "client.test", "client.crt", "client.key"]
real = pytest.mark.real_ca


@pytest.fixture(scope="module")
def credential(tmp_path_factory):
    return X5cCredential(tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="module")
def ca(tmp_path_factory, credential):
    hosts = X5cProvisioner("hosts@ca.test", credential.authorities)
    ca = RealCa(tmp_path_factory.mktemp("ca"), [*usual_provisioners(), hosts, K8sSaProvisioner()])
    yield ca
    ca.stop()


@pytest.fixture
def token_file(ca, tmp_path):
    (tmp_path / "token").write_text(ca.provisioners["pods"].token() + "\n")
    return tmp_path / "token"


@pytest.fixture
def request_file(everleaf, work):
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "--san", "client.test", "--san", "10.0.0.7",
             "client.test", "client.csr", "client.key").succeeded()
    return work / "client.csr"


# X5C

@real
def test_a_certificate_by_x5c(everleaf, ca, credential, work):
    result = everleaf(*CERTIFICATE, "--san", "a.test", "--san", "10.0.0.7", *ca.trust(), *credential.flags()).succeeded()
    assert names_of(load(work / "client.crt")) == ["10.0.0.7", "a.test"]
    assert pair_matches(work / "client.crt", work / "client.key")
    assert result.stderr.splitlines() == [
        "\u2714 Provisioner: hosts@ca.test (X5C)", f"\u2714 CA: {ca.url}", "\u2714 Certificate: client.crt",
        "\u2714 Private Key: client.key"]


@real
def test_a_request_is_signed_by_x5c(everleaf, ca, credential, work, request_file):
    everleaf("ca", "sign", request_file, "client.crt", *ca.trust(), *credential.flags()).succeeded()
    assert pair_matches(work / "client.crt", work / "client.key")


@real
def test_a_token_by_x5c_is_good_for_a_certificate(everleaf, ca, credential, work):
    token = everleaf("ca", "token", "client.test", *ca.trust(), *credential.flags()).succeeded().stdout.strip()
    everleaf(*CERTIFICATE, "--token", token).succeeded()
    assert names_of(load(work / "client.crt")) == ["client.test"]


@real
def test_a_certificate_is_revoked_by_x5c(everleaf, ca, credential, work, client_of):
    serial = client_of(ca)
    everleaf("ca", "revoke", serial, *ca.trust(), *credential.flags()).succeeded()
    everleaf("ca", "renew", "--force", "client.crt", "client.key", *ca.trust()).failed("revoked")


@real
def test_a_token_by_x5c_is_good_for_a_revocation(everleaf, ca, credential, client_of):
    serial = client_of(ca)
    token = everleaf("ca", "token", "--revoke", serial, *ca.trust(), *credential.flags()).succeeded().stdout.strip()
    everleaf("ca", "revoke", serial, "--token", token, *ca.trust()).succeeded()


@pytest.fixture
def client_of(everleaf, work):
    """A new pair of a CA; answers its serial number."""
    def make(ca):
        everleaf(*CERTIFICATE, *ca.trust(), *ca.credential()).succeeded()
        return load(work / "client.crt").serial_number
    return make


def test_what_a_token_by_x5c_says(everleaf, lying_ca, credential):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    token = everleaf("ca", "token", "client.test", "--san", "a.test", "--not-after", "10m", *lying_ca.trust(),
                     *credential.flags()).succeeded().stdout
    header, claims = header_of(token), claims_of(token)
    assert [base64.b64decode(one) for one in header["x5c"]] == [
        one.certificate.public_bytes(DER) for one in (credential.pair, credential.authorities.intermediate)]
    assert "x5cInsecure" not in header
    assert claims["aud"] == f"{lying_ca.url}/1.0/sign#x5c/hosts" and claims["iss"] == "hosts"
    assert claims["sans"] == ["a.test"] and claims["exp"] - claims["nbf"] == 600


def test_the_other_header(everleaf, lying_ca, credential):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    token = everleaf("ca", "token", "client.test", "--x5c-insecure", *lying_ca.trust(),
                     *credential.flags()).succeeded().stdout
    assert len(header_of(token)["x5cInsecure"]) == 2 and "x5c" not in header_of(token)


@real
def test_the_chain_may_be_in_files_of_its_own(everleaf, ca, credential, tmp_path):
    (tmp_path / "leaf.crt").write_text(credential.pair.pem)
    credential.authorities.intermediate.save(tmp_path / "chain.crt")
    leaf = ["--x5c-cert", tmp_path / "leaf.crt", "--x5c-key", credential.key]
    everleaf(*CERTIFICATE, *ca.trust(), *leaf).failed("401")
    everleaf(*CERTIFICATE, *ca.trust(), *leaf, "--x5c-chain", tmp_path / "chain.crt").succeeded()


@real
def test_a_certificate_by_x5c_does_not_outlive_it(everleaf, ca, credential, work, tmp_path):
    issue(credential.authorities.intermediate, "host.test", lifetime=Seconds(hours=2)).save(
        tmp_path / "short.crt", tmp_path / "short.key")
    short = ["--x5c-cert", tmp_path / "short.crt", "--x5c-key", tmp_path / "short.key"]
    everleaf(*CERTIFICATE, *ca.trust(), *short).succeeded()
    assert load(work / "client.crt").not_valid_after <= load(tmp_path / "short.crt").not_valid_after
    everleaf(*CERTIFICATE, "--force", "--not-after", "8h", *ca.trust(), *short).failed("403")


@real
def test_an_expired_x5c_certificate_is_refused(everleaf, ca, credential, work, tmp_path):
    issue(credential.authorities.intermediate, "host.test", not_before=now() - 2 * DAY).save(
        tmp_path / "old.crt", tmp_path / "old.key")
    everleaf(*CERTIFICATE, *ca.trust(), "--x5c-cert", tmp_path / "old.crt", "--x5c-key", tmp_path / "old.key").failed("401")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("password", ["--provisioner-password-file", "--password-file"])
def test_an_encrypted_x5c_key(everleaf, lying_ca, credential, tmp_path, password):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    (tmp_path / "password").write_text("secret\n")
    everleaf("certificate", "create", "--csr", "--password-file", tmp_path / "password", "host.test", tmp_path / "x.csr",
             tmp_path / "x.key").succeeded()
    key = load_pem_private_key((tmp_path / "x.key").read_bytes(), b"secret")
    issue(credential.authorities.intermediate, "host.test", key=key).save(tmp_path / "x.crt")
    asked = ["ca", "token", "a.test", *lying_ca.trust(), "--x5c-cert", tmp_path / "x.crt", "--x5c-key", tmp_path / "x.key"]
    everleaf(*asked, password, tmp_path / "password").succeeded()
    everleaf(*asked).failed("password")


def test_x5c_files_that_do_not_belong_together(everleaf, lying_ca, credential, tmp_path, work):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    issue(credential.authorities.intermediate, "other.test").save(tmp_path / "other.crt", tmp_path / "other.key")
    everleaf(*CERTIFICATE, *lying_ca.trust(), "--x5c-cert", credential.certificate, "--x5c-key",
             tmp_path / "other.key").failed("other.key", "do not match")
    assert lying_ca.asked("sign") == [] and list(work.iterdir()) == []


@pytest.mark.parametrize("flag", ["--x5c-cert", "--x5c-key"])
@pytest.mark.parametrize("command", [CERTIFICATE, ["ca", "token", "a.test"], ["ca", "revoke", "17"]], ids=" ".join)
def test_x5c_certificate_and_key_go_together(everleaf, lying_ca, credential, command, flag):
    everleaf(*command, *lying_ca.trust(), flag, credential.certificate).failed("--x5c-cert", "--x5c-key")


def test_an_x5c_provisioner_without_its_files(everleaf, lying_ca):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    everleaf(*CERTIFICATE, *lying_ca.trust(), "--provisioner", "hosts").failed("--x5c-cert", "--x5c-key")


def test_x5c_files_where_there_is_no_x5c_provisioner(everleaf, lying_ca, credential):
    everleaf(*CERTIFICATE, *lying_ca.trust(), *credential.flags()).failed("no X5C provisioner", "admin (JWK)")


# K8sSA

@real
def test_a_certificate_by_a_service_account(everleaf, ca, token_file, work):
    result = everleaf(*CERTIFICATE, "--san", "a.test", *ca.trust(), "--k8ssa-token-path", token_file).succeeded()
    assert names_of(load(work / "client.crt")) == ["a.test"]
    assert pair_matches(work / "client.crt", work / "client.key")
    assert "\u2714 Provisioner: pods (K8sSA)" in result.stderr


@real
def test_a_request_is_signed_by_a_service_account(everleaf, ca, token_file, work, request_file):
    everleaf("ca", "sign", request_file, "client.crt", *ca.trust(), "--k8ssa-token-path", token_file).succeeded()
    assert pair_matches(work / "client.crt", work / "client.key")


@real
def test_a_revocation_by_a_service_account_is_refused_since_its_token_names_no_certificate(everleaf, ca, token_file):
    everleaf("ca", "revoke", "17", *ca.trust(), "--k8ssa-token-path", token_file).failed("the CA")


def test_the_token_of_a_service_account_is_the_token(everleaf, ca, token_file):
    result = everleaf("ca", "token", "a.test", *ca.trust(), "--k8ssa-token-path", token_file).succeeded()
    assert result.stdout == token_file.read_text()


@real
def test_a_service_account_of_another_cluster(everleaf, ca, tmp_path, work):
    (tmp_path / "token").write_text(K8sSaProvisioner("elsewhere").token())
    everleaf(*CERTIFICATE, *ca.trust(), "--k8ssa-token-path", tmp_path / "token").failed("401")
    assert list(work.iterdir()) == []


def test_the_usual_place_of_a_service_accounts_token(everleaf, ca):
    everleaf(*CERTIFICATE, *ca.trust(), "--provisioner", "pods").failed(
        "/var/run/secrets/kubernetes.io/serviceaccount/token")


def test_an_empty_service_account_token(everleaf, ca, tmp_path):
    (tmp_path / "token").write_text("\n")
    everleaf(*CERTIFICATE, *ca.trust(), "--k8ssa-token-path", tmp_path / "token").failed(tmp_path / "token", "no token")


# Files that are none

@pytest.mark.parametrize("bad", ["missing", "directory", "huge", "empty", "cut", "text", "binary"])
@pytest.mark.parametrize("flag", ["--x5c-cert", "--x5c-key", "--x5c-chain", "--k8ssa-token-path"])
def test_a_bad_file_is_named(everleaf, lying_ca, credential, tmp_path, work, flag, bad):
    if flag == "--k8ssa-token-path" and bad in ("cut", "text", "binary"):
        pytest.skip("any text will do: it is the CA that reads it")
    lying_ca.provisioners += [{"type": "X5C", "name": "hosts"}, {"type": "K8sSA", "name": "pods"}]
    file = bad_file(tmp_path, bad)
    given = {} if flag == "--k8ssa-token-path" else dict(zip(["--x5c-cert", "--x5c-key"], credential.flags()[1::2]))
    flags = [word for pair in {**given, flag: file}.items() for word in pair]
    everleaf(*CERTIFICATE, *lying_ca.trust(), *flags).within_limits(seconds=10).failed(file)
    assert lying_ca.asked("sign") == [] and list(work.iterdir()) == []


def bad_file(directory, kind):
    file = directory / f"bad-{kind}"
    {"missing": lambda: None, "directory": file.mkdir, "huge": lambda: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY), 100 << 20),
     "empty": file.touch, "cut": lambda: file.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n"),
     "text": lambda: file.write_text("no certificate\n"), "binary": lambda: file.write_bytes(bytes(range(256)))}[kind]()
    return file


# Which one

def test_a_jwk_provisioner_goes_before_the_others_if_it_is_the_only_one(everleaf, lying_ca):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    result = everleaf("ca", "token", "a.test", *lying_ca.trust(), "--provisioner-password-file", lying_ca.password_file)
    assert "admin (JWK)" in result.succeeded().stderr


def test_two_provisioners_of_other_types(everleaf, lying_ca):
    lying_ca.provisioners[:] = [{"type": "X5C", "name": "hosts"}, {"type": "ACME", "name": "acme"}]
    everleaf("ca", "token", "a.test", *lying_ca.trust()).failed("several provisioners", "hosts (X5C)", "acme (ACME)")


def two_jwk_provisioners(lying_ca):
    lying_ca.provisioners.append({**lying_ca.provisioners[0], "name": "second"})
    return ["ca", "token", "a.test", *lying_ca.trust(), "--provisioner-password-file", lying_ca.password_file]


@pytest.mark.parametrize("answer, chosen", [("1", "admin"), ("2", "second")])
def test_a_person_is_asked_which_of_several(everleaf, lying_ca, answer, chosen):
    status, shown = everleaf.at_a_terminal(two_jwk_provisioners(lying_ca), answer)
    assert status == 0 and "1  admin (JWK) [kid: " in shown and f"Provisioner: {chosen} (JWK)" in shown, shown


@pytest.mark.parametrize("answer", ["", "0", "3", "second", "1 2"])
def test_who_chooses_none_of_several_gets_none(everleaf, lying_ca, answer):
    status, shown = everleaf.at_a_terminal(two_jwk_provisioners(lying_ca), answer)
    assert status == 1 and "nothing was chosen" in shown and "--provisioner" in shown, shown


def test_without_a_terminal_several_are_an_error(everleaf, lying_ca):
    everleaf(*two_jwk_provisioners(lying_ca)).failed("several provisioners", "second (JWK)")


@pytest.mark.parametrize("kind", ["OIDC", "AWS", "GCP", "Azure", "SSHPOP", "Nebula", "SCEP", "Wire"])
@pytest.mark.parametrize("command", [CERTIFICATE, ["ca", "token", "a.test"], ["ca", "revoke", "17"]], ids=" ".join)
def test_what_cannot_be_asked_yet_is_said_by_its_type(everleaf, lying_ca, kind, command, work):
    lying_ca.provisioners.append({"type": kind, "name": "other"})
    everleaf(*command, *lying_ca.trust(), "--provisioner", "other").failed(f"{kind} provisioners are not supported yet")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("command", [["ca", "token", "a.test"], ["ca", "revoke", "17"]], ids=" ".join)
def test_an_acme_provisioner_takes_no_tokens(everleaf, lying_ca, command):
    lying_ca.provisioners.append({"type": "ACME", "name": "acme"})
    everleaf(*command, *lying_ca.trust(), "--provisioner", "acme").failed("ACME provisioners take no tokens")


# A password that is typed

WRONG = ["guess", "guess again", "and again"]


@real
@pytest.mark.parametrize("tries", [1, 2, 3, 4])
def test_the_password_of_a_provisioner_may_be_typed_three_times(everleaf, ca, tries):
    answers = [*WRONG[:tries - 1], *([ca.password_file().read_text().strip()] if tries < 4 else [])]
    status, shown = everleaf.at_a_terminal(
        ["ca", "token", "myuser", *ca.trust(), "--provisioner", "admin"], *answers)
    assert shown.count("Please enter the password to decrypt the provisioner key: ") == min(tries, 3), shown
    assert shown.count("wrong password") == tries - 1 and status == (1 if tries == 4 else 0), shown
    assert ("eyJ" in shown) == (tries < 4) and not any(word in shown for word in answers), shown


@real
@pytest.mark.parametrize("file, asked", [("key.jwe", 3), ("key.pem", 1)])  # as step does
def test_that_of_a_key_in_a_file(everleaf, ca, work, file, asked):
    provisioner = ca.provisioners["admin"]
    encryption = BestAvailableEncryption(provisioner.password.encode())
    (work / "key.jwe").write_text(provisioner.encrypted_key)
    (work / "key.pem").write_bytes(provisioner.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    token = ["ca", "token", "myuser", *ca.trust(), "--provisioner", "admin", "--key", file]
    status, shown = everleaf.at_a_terminal(token, *WRONG[:asked])
    assert status == 1 and shown.count(f"Please enter the password to decrypt {file}: ") == asked, shown
    assert everleaf.at_a_terminal(token, provisioner.password)[0] == 0


@real
def test_a_token_made_offline_with_the_key_of_the_provisioner_is_good(everleaf, ca, work):
    key = ca.provisioners["admin"].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (work / "key.pem").write_bytes(key)
    nobody = ["--ca-url", "https://127.0.0.1:1", "--root", ca.root_file]  # its port does not matter to step-ca
    token = everleaf("ca", "token", "myuser", *nobody, "--offline", "--provisioner", "admin", "--key", "key.pem").succeeded()
    everleaf("ca", "certificate", "myuser", "a.crt", "a.key", *ca.trust(), "--token", token.stdout.strip()).succeeded()


@real
def test_the_configuration_of_the_ca_may_come_by_a_pipe(everleaf, ca):
    configuration = (ca.directory / "ca.json").read_text()
    token = everleaf("ca", "token", "myuser", "--offline", "--ca-config", "/dev/stdin", *ca.credential(), stdin=configuration)
    everleaf("ca", "certificate", "myuser", "a.crt", "a.key", *ca.trust(), "--token", token.succeeded().stdout.strip()).succeeded()


@real
@pytest.mark.parametrize("name, audience", [
    ("ca.test:9000", "https://ca.test:9000/1.0/sign"), ("::1", "https://[::1]/1.0/sign"), ("ca.test/x", None), ("", None)])
def test_whom_a_token_made_offline_is_for(everleaf, ca, work, name, audience):
    (work / "ca.json").write_text(json.dumps({**ca.configuration(), "dnsNames": [name]}))
    made = everleaf("ca", "token", "myuser", "--offline", "--ca-config", "ca.json", *ca.credential())
    if audience:
        assert claims_of(made.succeeded().stdout.strip())["aud"] == audience
    else:
        made.failed(f'"{name}", the first of "dnsNames" in ca.json, is no name of a host')


@real
def test_a_file_with_a_wrong_password_is_read_once(everleaf, ca, work):
    (work / "wrong").write_text("guess\n")
    everleaf("ca", "token", "myuser", "--ca-url", ca.url, "--root", ca.root_file, "--provisioner", "admin",
             "--provisioner-password-file", "wrong").failed("wrong password")


@real
def test_after_an_interrupt_the_terminal_shows_what_is_typed(everleaf, ca):
    terminal, theirs = pty.openpty()
    asking = subprocess.Popen(
        [BINARIES / "everleaf", "ca", "token", "a.test", *map(str, ca.trust()), "--provisioner", "admin"], env=everleaf.environment,
        cwd=everleaf.directory, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    shown = b""
    while not shown.endswith(b"provisioner key: "):
        shown += os.read(terminal, 4096)
    os.write(terminal, b"gue\x03")
    assert asking.wait(30) == -signal.SIGINT
    assert termios.tcgetattr(theirs)[3] & termios.ECHO and b"gue" not in shown
    os.close(terminal)
    os.close(theirs)
