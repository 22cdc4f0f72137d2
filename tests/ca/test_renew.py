# SPDX-License-Identifier: Apache-2.0
"""ca renew and ca rekey: the same certificate again, in time or too late."""
import json
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certificates import PEM, load, load_all, load_key, names_of, now, pair_matches
from program import BINARIES, contents, wait_until


@pytest.fixture
def expired(client):
    """A pair that has run out. Its total lifetime is over a minute, else step-ca takes no token for it."""
    def make(provisioner):
        paths = client("--not-before=-3m", "--not-after", "3m2s", provisioner=provisioner)
        end = load(paths[0]).not_valid_after
        wait_until(lambda: now() > end, what="the certificate expires")
        return paths
    return make


def test_renewal_keeps_the_key_and_the_names(everleaf, real_ca, client):
    crt, key = client("--san", "a.test", "--san", "10.0.0.7")
    old, old_key = load(crt), key.read_bytes()
    result = everleaf("ca", "renew", crt, key, "--force", *real_ca.trust()).succeeded()
    assert load(crt).serial_number != old.serial_number
    assert names_of(load(crt)) == ["10.0.0.7", "a.test"]
    assert key.read_bytes() == old_key and pair_matches(crt, key)
    assert len(load_all(crt)) == 2
    assert result.stderr == f"Your certificate has been saved in {crt}.\n"


def test_renewal_keeps_the_mode_of_the_file(everleaf, real_ca, client):
    crt, key = client()
    crt.chmod(0o640)
    everleaf("ca", "renew", crt, key, "--force", *real_ca.trust()).succeeded()
    assert stat.S_IMODE(crt.stat().st_mode) == 0o640


def test_renewal_to_another_file(everleaf, real_ca, client, work):
    crt, key = client()
    before = crt.read_bytes()
    everleaf("ca", "renew", crt, key, "--out", "new.crt", *real_ca.trust()).succeeded()
    assert crt.read_bytes() == before and pair_matches(work / "new.crt", key)


@pytest.mark.parametrize("second", ["both.pem", "hard.pem", "link.pem"])
def test_a_key_in_the_same_file_is_not_written_over(everleaf, real_ca, client, work, second):
    crt, key = client()
    both = work / "both.pem"
    both.write_text(crt.read_text() + key.read_text())
    (work / "hard.pem").hardlink_to(both)
    (work / "link.pem").symlink_to(both)
    before = contents(work)
    everleaf("ca", "renew", both, work / second, "--force", *real_ca.trust()).failed("holds the key, which would be lost")
    assert contents(work) == before
    everleaf("ca", "renew", both, work / second, "--out", "new.crt", *real_ca.trust()).succeeded()
    assert pair_matches(work / "new.crt", key)


def test_renewal_without_client_authentication(everleaf, real_ca, client):
    crt, key = client()
    old = load(crt)
    everleaf("ca", "renew", crt, key, "--force", "--mtls=false", *real_ca.trust()).succeeded()
    assert load(crt).serial_number != old.serial_number and pair_matches(crt, key)


@pytest.mark.parametrize("flags", [["--kty", "RSA"], ["--kty", "OKP"], ["--kty", "EC", "--curve", "P-384"]], ids=" ".join)
@pytest.mark.parametrize("mtls", ["--mtls", "--mtls=false"])
def test_renewal_with_a_key_of_each_type(everleaf, real_ca, client, flags, mtls):
    crt, key = client(*flags)
    old = load(crt)
    everleaf("ca", "renew", crt, key, "--force", mtls, *real_ca.trust()).succeeded()
    assert load(crt).serial_number != old.serial_number


def test_two_renewals_by_token_in_one_second(everleaf, real_ca, client):
    crt, key = client("--kty", "RSA")
    for _ in range(2):
        everleaf("ca", "renew", crt, key, "--force", "--mtls=false", *real_ca.trust()).succeeded()


def test_what_is_not_due_is_left_alone(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    before = contents(work)
    result = everleaf("ca", "renew", "client.crt", "client.key", "--force", "--expires-in", "4h", *lying_ca.trust())
    assert "certificate not renewed: expires in 23h5" in result.succeeded().stderr
    assert contents(work) == before and lying_ca.requests == []


def test_what_is_due_is_renewed(everleaf, real_ca, client):
    crt, key = client("--not-after", "3h")
    old = load(crt)
    everleaf("ca", "renew", crt, key, "--force", "--expires-in", "3h", *real_ca.trust()).succeeded()
    assert load(crt).serial_number != old.serial_number


def test_an_expired_one_is_renewed_by_token_where_allowed(everleaf, real_ca, expired):
    crt, key = expired("late")
    everleaf("ca", "renew", crt, key, "--force", *real_ca.trust()).succeeded()
    assert load(crt).not_valid_after > now() and pair_matches(crt, key)


def test_an_expired_one_is_refused_elsewhere(everleaf, real_ca, expired, work):
    crt, key = expired("admin")
    before = contents(work)
    everleaf("ca", "renew", crt, key, "--force", *real_ca.trust()).failed("client.crt", "expired")
    assert contents(work) == before


def test_an_expired_one_cannot_be_rekeyed(everleaf, lying_ca, work):
    lying_ca.leaf(not_before=now() - lying_ca.lifetime * 2).save(work / "client.crt", work / "client.key")
    before = contents(work)
    everleaf("ca", "rekey", "client.crt", "client.key", "--force", *lying_ca.trust()).failed("client.crt", "expired")
    assert contents(work) == before and lying_ca.requests == []


@pytest.mark.parametrize("command", ["renew", "rekey"])
def test_a_provisioner_that_does_not_renew(everleaf, real_ca, client, work, command):
    crt, key = client(provisioner="norenew")
    before = contents(work)
    everleaf("ca", command, crt, key, "--force", *real_ca.trust()).failed("client.crt", "401")
    assert contents(work) == before


@pytest.mark.parametrize("command", ["renew", "rekey"])
def test_a_revoked_one_is_not_renewed(everleaf, real_ca, client, work, command):
    crt, key = client()
    real_ca.revoke(load(crt).serial_number)
    before = contents(work)
    everleaf("ca", command, crt, key, "--force", *real_ca.trust()).failed("client.crt", "401")
    assert contents(work) == before


def test_rekeying_makes_a_new_key(everleaf, real_ca, client):
    crt, key = client("--san", "a.test")
    old_key = key.read_bytes()
    result = everleaf("ca", "rekey", crt, key, "--force", *real_ca.trust()).succeeded()
    assert key.read_bytes() != old_key and pair_matches(crt, key)
    assert names_of(load(crt)) == ["a.test"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert result.stderr.splitlines()[-2:] == [f"\u2714 Certificate: {crt}", f"\u2714 Private Key: {key}"]


@pytest.mark.parametrize("flags, kind", [(["--kty", "RSA"], rsa.RSAPrivateKey),
                                         (["--kty", "EC", "--curve", "P-384"], ec.EllipticCurvePrivateKey)])
def test_rekeying_to_another_type(everleaf, real_ca, client, flags, kind):
    crt, key = client()
    everleaf("ca", "rekey", crt, key, "--force", *flags, *real_ca.trust()).succeeded()
    assert isinstance(load_key(key), kind) and pair_matches(crt, key)


def test_rekeying_to_other_files(everleaf, real_ca, client, work):
    crt, key = client()
    before = contents(work)
    everleaf("ca", "rekey", crt, key, "--out-cert", "new.crt", "--out-key", "new.key", *real_ca.trust()).succeeded()
    assert pair_matches(work / "new.crt", work / "new.key")
    for name in ("new.crt", "new.key"):
        (work / name).unlink()
    assert contents(work) == before


# What is told of a new certificate

def test_a_program_runs_after_a_renewal_and_not_without_one(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    renew = ["ca", "renew", "client.crt", "client.key", "--force", *lying_ca.trust(), "--exec", "touch  renewed"]
    everleaf(*renew, "--expires-in", "1h").succeeded()
    assert not (work / "renewed").exists()
    everleaf(*renew).succeeded()
    assert (work / "renewed").exists()


def test_a_failing_program_is_said_after_the_renewal(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    old = load(work / "client.crt")
    result = everleaf("ca", "renew", "client.crt", "client.key", "--force", *lying_ca.trust(), "--exec", "false")
    assert result.status == 1 and "everleaf: error: " in result.stderr and "false" in result.stderr
    assert "cannot renew" not in result.stderr and load(work / "client.crt").serial_number != old.serial_number


RENEW = ["ca", "renew", "client.crt", "client.key", "--force"]


def test_a_program_has_our_streams_and_we_end_as_it(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    (work / "hook").write_text("cat; echo told; exit 7\n")
    result = everleaf(*RENEW, *lying_ca.trust(), "--exec", "sh hook", stdin="data\n")
    assert (result.status, result.stdout) == (7, "data\ntold\n") and "sh exited with status 7" in result.stderr, str(result)
    result = everleaf(*RENEW, *lying_ca.trust(), "--exec", "sh hook", "--json")
    said = json.loads(result.stdout)
    assert result.status == 7 and said["exec-output"] == "told\n" and "status 7" in said["error"] and said["renewed"], said
    assert everleaf(*RENEW, *lying_ca.trust(), "--exec", "sh hook", "--exit-status").status == 1


def test_a_program_can_ask_at_the_terminal(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    (work / "hook").write_text("printf 'who: '; read who; echo it is $who\n")
    status, shown = everleaf.at_a_terminal([*RENEW, *lying_ca.trust(), "--exec", "sh hook"], "me")
    assert status == 0 and "it is me" in shown, shown


def test_a_program_that_hangs_ends_with_us(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    (work / "hook").write_text("echo $$ > began\nmv began pid\nexec sleep 1000\n")
    with subprocess.Popen([BINARIES / "everleaf", "ca", "renew", "client.crt", "client.key", "--force", *lying_ca.trust(),
                           "--exec", "sh hook"], cwd=work, env=everleaf.environment, stderr=subprocess.PIPE) as renewing:
        wait_until((work / "pid").exists, what="the hook runs")
        renewing.terminate()
        assert renewing.wait(10) == 1 and b"stopped before sh had finished" in renewing.stderr.read()
    assert not Path(f"/proc/{(work / 'pid').read_text().strip()}").exists()


@pytest.mark.parametrize("command", ["renew", "rekey"])
@pytest.mark.parametrize("how", ["--pid", "--pid-file"])
def test_a_process_is_signalled(everleaf, lying_ca, work, command, how):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    with subprocess.Popen(["sleep", "60"]) as process:
        (work / "pid").write_text(f"{process.pid}\n")
        who = {"--pid": process.pid, "--pid-file": "pid"}[how]
        everleaf("ca", command, "client.crt", "client.key", "--force", *lying_ca.trust(), how, who, "--signal", "10").succeeded()
        assert process.wait() == -10


def test_a_path_is_fit_for_a_terminal(everleaf, lying_ca, work):
    place = work / "\x1b[31mred"
    place.mkdir()
    lying_ca.leaf().save(place / "c.crt", place / "c.key")
    said = everleaf("ca", "renew", place / "c.crt", place / "c.key", "--force", *lying_ca.trust()).succeeded().stderr
    assert "\x1b" not in said and "\\x1b[31mred/c.crt" in said


@pytest.mark.parametrize("question", ["password", "overwrite"])
def test_what_was_replaced_while_somebody_is_asked_stays(everleaf, lying_ca, work, question):
    """Nobody waits for the answer, and a new certificate does not go beside another key."""
    pair = lying_ca.leaf()
    pair.save(work / "client.crt", work / "client.key")
    if question == "password":
        encryption = serialization.BestAvailableEncryption(b"hush")
        (work / "client.key").write_bytes(pair.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    replaced = []

    def replace():
        everleaf("ca", "certificate", "myuser", "client.crt", "client.key", "--force", *lying_ca.trust(),
                 *lying_ca.credential()).succeeded().within_limits(seconds=5)
        replaced.append(load(work / "client.crt").serial_number)
    force = ["--force"] if question == "password" else []
    status, shown = everleaf.at_a_terminal(["ca", "renew", "client.crt", "client.key", *force, *lying_ca.trust()],
                                           "hush" if question == "password" else "y", meanwhile=replace)
    assert status == 1 and "changed by somebody else" in shown, shown
    assert [load(work / "client.crt").serial_number] == replaced and pair_matches(work / "client.crt", work / "client.key")


def test_an_encrypted_key_needs_its_password(everleaf, lying_ca, work):
    pair = lying_ca.leaf().save(work / "client.crt")
    encryption = serialization.BestAvailableEncryption(b"hush")
    (work / "client.key").write_bytes(pair.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    (work / "password").write_text("hush\n")
    (work / "wrong").write_text("guess\n")
    renew = ["ca", "renew", "client.crt", "client.key", "--force", *lying_ca.trust()]
    everleaf(*renew).failed("password", "--password-file")
    everleaf(*renew, "--password-file", "wrong").failed("client.key", "password")
    assert lying_ca.requests == []
    everleaf(*renew, "--password-file", "password").succeeded()


# With a terminal

@pytest.mark.parametrize("answer, replaced", [("y", True), ("n", False)])
def test_a_person_is_asked_before_a_file_is_replaced(everleaf, lying_ca, work, answer, replaced):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    before = contents(work)
    status, shown = everleaf.at_a_terminal(["ca", "renew", "client.crt", "client.key", *lying_ca.trust()], answer)
    assert "Would you like to overwrite client.crt [y/n]" in shown
    assert (contents(work) != before, status) == ((True, 0) if replaced else (False, 1)), shown
    assert len(lying_ca.requests) == replaced
