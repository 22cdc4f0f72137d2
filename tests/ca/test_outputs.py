# SPDX-License-Identifier: Apache-2.0
"""What commands write of a certificate, for whom, and how they say that there was nothing to do."""
import grp
import os
import stat

import pytest

from certificates import DAY, load, load_all, now, pair_matches
from jose import claims_of
from lying_ca import refuses
from program import contents

PARTS = ["--out-leaf", "leaf.pem", "--out-chain", "chain.pem", "--out-fullchain", "full.pem"]


def certificate(ca):
    return ["ca", "certificate", "myuser", "client.crt", "client.key", *ca.trust(), *ca.credential()]


def sign(ca):
    return ["ca", "sign", "client.csr", "client.crt", *ca.trust(), *ca.credential()]


def renew(ca):
    return ["ca", "renew", "client.crt", "client.key", *ca.trust()]


def rekey(ca):
    return ["ca", "rekey", "client.crt", "client.key", *ca.trust()]


@pytest.fixture(params=[certificate, sign, renew, rekey], ids=lambda command: command.__name__)
def command(request, everleaf, lying_ca, work):
    """Its arguments, in a directory that has what it needs."""
    if request.param is sign:
        everleaf("certificate", "create", "--csr", "myuser", "client.csr", "client.key", "--no-password", "--insecure").succeeded()
    elif request.param is not certificate:
        lying_ca.leaf(not_before=now() - 0.75 * DAY).save(work / "client.crt", work / "client.key")
    return [*request.param(lying_ca), "--force"]


def test_leaf_chain_and_root_in_files_of_their_own(everleaf, lying_ca, work, command):
    everleaf(*command, *PARTS).succeeded()
    chain = load_all(work / "client.crt")
    assert load_all(work / "leaf.pem") == chain[:1] and load_all(work / "chain.pem") == chain[1:] and len(chain) == 2
    assert load_all(work / "full.pem") == [*chain, lying_ca.trusted.root.certificate]
    assert {stat.S_IMODE((work / name).stat().st_mode) for name in PARTS[1::2]} == {0o600}
    assert pair_matches(work / "leaf.pem", work / "client.key")


def test_nothing_is_written_if_the_ca_refuses(everleaf, lying_ca, work, command):
    for endpoint in ("sign", "renew", "rekey"):
        lying_ca.lies[endpoint] = refuses(403, "no")
    before = contents(work)
    everleaf(*command, *PARTS).failed("403")
    assert contents(work) == before


def test_existing_parts_are_not_replaced_unasked(everleaf, lying_ca, work):
    (work / "leaf.pem").write_text("somebody's\n")
    everleaf(*certificate(lying_ca), *PARTS).failed("leaf.pem", "--force")
    assert [path.name for path in work.iterdir()] == ["leaf.pem"] and lying_ca.requests == []


def test_two_outputs_cannot_be_one_file(everleaf, lying_ca, work):
    everleaf(*certificate(lying_ca), "--out-leaf", "client.crt").failed("client.crt")
    assert not list(work.iterdir()) and lying_ca.requests == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_group_and_mode(everleaf, work, command):
    everleaf(*command, *PARTS, "--owner", "nobody", "--group", "daemon", "--mode", "0640").succeeded()
    key = {"sign": [], "renew": []}.get(command[1], ["client.key"])
    for name in ["client.crt", *PARTS[1::2], *key]:
        status = (work / name).stat()
        assert (status.st_uid, status.st_gid) == (65534, grp.getgrnam("daemon").gr_gid), name
        assert stat.S_IMODE(status.st_mode) == 0o640, name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_by_number(everleaf, lying_ca, work):
    everleaf(*certificate(lying_ca), "--owner", "12345", "--group", "23456").succeeded()
    for name in ("client.crt", "client.key"):
        status = (work / name).stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, 0o600)


def test_who_is_not_there_owns_nothing(everleaf, lying_ca, work):
    everleaf(*certificate(lying_ca), "--owner", "no-such-user").failed("--owner", "no-such-user")
    everleaf(*certificate(lying_ca), "--group", "no-such-group").failed("--group", "no-such-group")
    assert not list(work.iterdir()) and lying_ca.requests == []


@pytest.mark.parametrize("mode", ["9", "0040", "01600", "4755", "rw", "-1", "0x1"])
def test_a_mode_that_is_none(everleaf, lying_ca, work, mode):
    everleaf(*certificate(lying_ca), f"--mode={mode}").failed("--mode")
    assert not list(work.iterdir()) and lying_ca.requests == []


def test_a_key_is_never_for_everybody(everleaf, lying_ca, work):
    everleaf(*certificate(lying_ca), "--mode", "0644").failed("--mode", "everybody")
    assert not list(work.iterdir())
    everleaf(*certificate(lying_ca)).succeeded()
    everleaf(*renew(lying_ca), "--force", "--mode", "0644").succeeded()
    assert stat.S_IMODE((work / "client.crt").stat().st_mode) == 0o644
    assert stat.S_IMODE((work / "client.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("command", [renew, rekey], ids=lambda command: command.__name__)
def test_the_exit_status_tells_renewed_from_not_due(everleaf, lying_ca, work, command):
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    serial = load(work / "client.crt").serial_number
    arguments = [*command(lying_ca), "--force", "--expires-in", "8h"]
    assert everleaf(*arguments).status == 0
    assert everleaf(*arguments, "--exit-status").status == 3
    assert load(work / "client.crt").serial_number == serial
    assert everleaf(*arguments, "--exit-status", "--exec", "touch told").status == 3 and not (work / "told").exists()
    lying_ca.leaf(not_before=now() - 0.75 * DAY).save(work / "client.crt", work / "client.key")
    assert everleaf(*arguments, "--exit-status").status == 0
    assert load(work / "client.crt").serial_number != serial
    assert everleaf(*command(lying_ca), "--force", "--exit-status", "--exec", "false").status == 1


# Several roots

@pytest.fixture
def several_roots(lying_ca, work):
    """The flags of lying_ca.trust(), but the file has another root before the CA's."""
    (work / "roots.pem").write_text(lying_ca.foreign.root.pem + lying_ca.trusted.root.pem)
    return ["--ca-url", lying_ca.url, "--root", work / "roots.pem"]


def test_the_full_chain_ends_with_the_root_that_vouches_for_it(everleaf, lying_ca, work, several_roots):
    everleaf("ca", "certificate", "myuser", "client.crt", "client.key", *several_roots, *lying_ca.credential(), *PARTS).succeeded()
    assert load_all(work / "full.pem")[-1] == lying_ca.trusted.root.certificate


def test_a_token_names_the_root_of_the_ca(everleaf, lying_ca, several_roots):
    """Who gets it asks the CA for that one, and has nothing else."""
    token = everleaf("ca", "token", "myuser", *several_roots, *lying_ca.credential()).succeeded().stdout.strip()
    assert claims_of(token)["sha"] == lying_ca.fingerprint
    everleaf("ca", "certificate", "myuser", "client.crt", "client.key", "--token", token).succeeded()
