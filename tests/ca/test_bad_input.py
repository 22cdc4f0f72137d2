# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: nothing is stored, old files stay as they are, and the user reads why, in time and in 32 MB."""
import http.server
import os
import threading
import time
from functools import partial

import pytest

from asking import (ASKING, ISSUING, PAIR, VERIFYING, certificate, certificate_by_token, name, old_files_of, refused, rekey,
                    renew, renew_by_token, root, roots, token)
from certificates import DAY, load, load_key, now, pair_matches
from jose import Provisioner
from lying_ca import CERTIFICATE_LIES, CONTROL, Lie, LyingCa, issues, refuses, sends
from program import contents

OTHER_FINGERPRINT = "00" * 32


@pytest.fixture
def old_files(lying_ca, work):
    """A good pair and other files from earlier; returns what they are."""
    return old_files_of(lying_ca, work)


# Whom we talk to

@pytest.mark.parametrize("command", [["ca", "bootstrap"], ["ca", "root", "ca.crt"]], ids=" ".join)
def test_a_root_that_does_not_match_the_fingerprint(everleaf, lying_ca, work, tmp_path, command):
    result = everleaf(*command, "--ca-url", lying_ca.url, "--fingerprint", OTHER_FINGERPRINT)
    refused(result, work, {}, "fingerprint", OTHER_FINGERPRINT, lying_ca.fingerprint, lying_ca.url)
    assert not (tmp_path / "home" / ".step").exists()


@pytest.mark.parametrize("command", [["ca", "bootstrap"], ["ca", "root", "ca.crt"]], ids=" ".join)
def test_a_fingerprint_that_a_real_ca_does_not_know(everleaf, real_ca, work, tmp_path, command):
    result = everleaf(*command, "--ca-url", real_ca.url, "--fingerprint", OTHER_FINGERPRINT)
    refused(result, work, {}, "fingerprint", OTHER_FINGERPRINT, real_ca.url)
    assert not (tmp_path / "home" / ".step").exists()


@pytest.mark.parametrize("fingerprint", ["", "abc", "zz" * 32, "00" * 20])
def test_a_fingerprint_that_is_none(everleaf, lying_ca, work, fingerprint):
    everleaf("ca", "bootstrap", "--ca-url", lying_ca.url, "--fingerprint", fingerprint).failed("fingerprint")
    assert lying_ca.requests == []


def test_a_tokens_fingerprint_that_does_not_match_the_root(everleaf, lying_ca, work):
    wrong = lying_ca.token("myuser", sha=OTHER_FINGERPRINT)
    refused(everleaf("ca", "certificate", "myuser", *PAIR, "--token", wrong), work, {},
            OTHER_FINGERPRINT, lying_ca.fingerprint)
    assert lying_ca.asked("sign") == []


def test_a_server_that_breaks_off_the_handshake(everleaf, lying_ca, work, old_files):
    """Our certificate is to blame only if there is one."""
    lying_ca.handshake_lie = "sends an alert"
    result = everleaf("ca", "health", *lying_ca.trust()).failed("alert", "client certificate", "the URL is that of the CA")
    assert "our certificate" not in result.stderr
    result = everleaf(*renew(lying_ca))
    refused(result, work, old_files, "alert", "our certificate may be expired")


SERVERS = {
    "for another host": ["another host", "elsewhere.test", "127.0.0.1"],
    "of an unknown CA": ["not trusted", "Test Root CA", "Test Intermediate CA"],
    "expired": ["expired"],
}


@pytest.mark.parametrize("command", VERIFYING, ids=name)
@pytest.mark.parametrize("kind", SERVERS)
def test_a_ca_with_a_certificate(everleaf, tmp_path, work, kind, command):
    with LyingCa(tmp_path / "ca", server_certificate=kind) as ca:
        before = old_files_of(ca, work)
        refused(everleaf(*command(ca)), work, before, *SERVERS[kind], f"127.0.0.1:{ca.port}")
        assert ca.requests == []


def test_a_ca_unknown_although_its_root_has_the_same_name(everleaf, real_ca, lying_ca, work):
    result = everleaf("ca", "health", "--ca-url", real_ca.url, "--root", lying_ca.root_file)
    refused(result, work, {}, lying_ca.fingerprint)


# Credentials

def test_a_wrong_password(everleaf, real_ca, work, tmp_path):
    (tmp_path / "wrong").write_text("guess\n")
    result = everleaf("ca", "certificate", "myuser", *PAIR, *real_ca.trust(), "--provisioner", "admin",
                      "--provisioner-password-file", tmp_path / "wrong")
    refused(result, work, {}, "password", "admin")
    assert "hint" in result.stderr and "guess" not in result.stderr


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_a_password_file_that_is(everleaf, lying_ca, work, tmp_path, make):
    if make == "empty":
        (tmp_path / "password").touch()
    refused(everleaf("ca", "certificate", "myuser", *PAIR, *lying_ca.trust(), "--provisioner", "admin",
                     "--provisioner-password-file", tmp_path / "password"), work, {}, "password")
    assert lying_ca.asked("sign") == []


def test_a_token_for_another_subject(everleaf, lying_ca, work):
    result = everleaf("ca", "certificate", "myuser", *PAIR, "--token", lying_ca.token("other"))
    refused(result, work, {}, "myuser", "other")
    assert lying_ca.requests == []


def test_a_used_token(everleaf, real_ca, work):
    used = real_ca.token("myuser")
    everleaf("ca", "certificate", "myuser", *PAIR, "--token", used).succeeded()
    before = contents(work)
    result = everleaf("ca", "certificate", "myuser", "b.crt", "b.key", "--token", used)
    refused(result, work, before, "401", "token")
    assert "hint" in result.stderr and used not in result.stderr


def test_an_expired_token(everleaf, real_ca, work):
    result = everleaf("ca", "certificate", "myuser", *PAIR, "--token", real_ca.token("myuser", made=time.time() - 3600))
    refused(result, work, {}, "401", "token")
    assert "hint" in result.stderr


def test_a_token_of_a_provisioner_that_the_ca_does_not_know(everleaf, real_ca, work):
    stranger = Provisioner("admin").token("myuser", f"{real_ca.url}/1.0/sign", sha=real_ca.fingerprint)
    refused(everleaf("ca", "certificate", "myuser", *PAIR, "--token", stranger), work, {}, "401")


@pytest.mark.parametrize("nonsense", ["token", "a.b.c", "e30.e30.", "e30.W10.AA", "." * 1000, "A" * 100_000])
def test_a_token_that_is_none(everleaf, lying_ca, work, nonsense):
    refused(everleaf("ca", "certificate", "myuser", *PAIR, *lying_ca.trust(), "--token", nonsense), work, {}, "token")
    assert lying_ca.requests == []


# What the CA answers

@pytest.mark.parametrize("command", [certificate, certificate_by_token], ids=name)
def test_several_slow_answers_share_one_patience(everleaf, lying_ca, work, old_files, command):
    """Each comes in time, all together do not."""
    lying_ca.lies = dict.fromkeys(["root", "provisioners", "sign"], sends(late=16))
    refused(everleaf(*command(lying_ca)), work, old_files)


@pytest.mark.parametrize("command", [command for command, _ in ASKING], ids=name)
def test_a_ca_that_is_down(everleaf, lying_ca, work, old_files, command):
    arguments = command(lying_ca)
    lying_ca.stop()
    refused(everleaf(*arguments), work, old_files, f"127.0.0.1:{lying_ca.port}")


def test_a_port_that_does_not_speak_tls(everleaf, lying_ca):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        everleaf("ca", "health", "--ca-url", url, "--root", lying_ca.root_file).failed("no TLS with " + url, "that of the CA")


def test_a_ca_whose_name_does_not_exist(everleaf, lying_ca, work):
    refused(everleaf("ca", "health", "--ca-url", "https://ca.invalid", "--root", lying_ca.root_file), work, {}, "ca.invalid")


@pytest.mark.parametrize("case", ISSUING, ids=name)
@pytest.mark.parametrize("lie, words", [
    ("for another key", ["key"]),
    ("for other names", ["myuser", "evil.test"]),
    ("expired", ["expired"]),
    ("not yet valid", ["not", "valid"]),
    ("that is a CA", ["CA"]),
    ("leaf only", ["chain"]),
    ("with a chain to nowhere", ["chain"]),
    ("of a foreign root", []),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_certificate(everleaf, lying_ca, work, old_files, lie, words, case):
    command, endpoint = case
    lying_ca.lies[endpoint] = CERTIFICATE_LIES[lie]
    refused(everleaf(*command(lying_ca)), work, old_files, *words)
    assert lying_ca.asked(endpoint)


def test_a_certificate_shorter_than_asked(everleaf, lying_ca, work, old_files):
    lying_ca.lies["sign"] = issues(lifetime=DAY / 24)
    refused(everleaf(*certificate(lying_ca), "--not-after", "20h"), work, old_files)


def test_the_cas_words_are_shown_escaped(everleaf, lying_ca, work, old_files):
    lying_ca.lies["renew"] = refuses(403, CONTROL)
    result = refused(everleaf(*renew(lying_ca)), work, old_files, "403", "forged", "\\x1b")
    assert len(result.stderr.splitlines()) <= 2


# Files

@pytest.mark.parametrize("exists", [["client.crt"], ["client.key"], PAIR], ids=" ".join)
def test_existing_files_are_not_replaced_unasked(everleaf, lying_ca, work, exists):
    for file in exists:
        (work / file).write_text("mine")
    before = contents(work)
    arguments = ["ca", "certificate", "myuser", *PAIR, *lying_ca.trust(), *lying_ca.credential()]
    refused(everleaf(*arguments), work, before, exists[0], "--force")
    refused(everleaf(*arguments, stdin="y\ny\n"), work, before, exists[0], "--force")
    assert lying_ca.requests == []


@pytest.mark.parametrize("command", [renew, rekey, root, roots, token], ids=name)
def test_existing_output_is_not_replaced_unasked(everleaf, lying_ca, work, old_files, command):
    arguments = [argument for argument in command(lying_ca) if argument != "--force"]
    refused(everleaf(*arguments), work, old_files, "--force")
    assert lying_ca.requests == []


@pytest.mark.parametrize("flag", ["--out-cert", "--out-key"])
def test_existing_output_of_rekey_is_not_replaced_unasked(everleaf, lying_ca, work, old_files, flag):
    other = {"--out-cert": ["--out-key", "new.key"], "--out-key": ["--out-cert", "new.crt"]}[flag]
    refused(everleaf("ca", "rekey", *PAIR, *lying_ca.trust(), flag, "ca.crt", *other), work, old_files, "ca.crt", "--force")
    assert lying_ca.requests == []


@pytest.mark.parametrize("file", PAIR)
def test_a_directory_where_a_file_should_be(everleaf, lying_ca, work, file):
    (work / file).mkdir()
    before = contents(work)
    refused(everleaf(*certificate(lying_ca)), work, before, file, "directory")
    assert lying_ca.asked("sign") == []


def into(directory, command, ca):
    """The command with all its files in `directory`."""
    first, second, *rest = command(ca)
    return [first, second, *(f"{directory}/{word}" if word in (*PAIR, "ca.crt", "token") else word for word in rest)]


WRITING = [certificate, certificate_by_token, token, renew, renew_by_token, rekey, root, roots]


@pytest.mark.parametrize("command", [certificate, certificate_by_token, token, root, roots], ids=name)
def test_a_missing_output_directory(everleaf, lying_ca, work, command):
    refused(everleaf(*into("missing", command, lying_ca)), work, {}, "missing")
    assert lying_ca.requests == []


@pytest.mark.parametrize("command", WRITING, ids=name)
def test_a_read_only_output_directory(everleaf, lying_ca, work, mounts, command):
    (work / "out").mkdir()
    before = old_files_of(lying_ca, work / "out")
    mounts.read_only(work / "out")
    everleaf(*into("out", command, lying_ca)).failed("out/", "read-only" if os.geteuid() == 0 else "permission")
    assert lying_ca.requests == [] and contents(work / "out") == before


@pytest.mark.parametrize("command", WRITING, ids=name)
def test_a_full_output_directory(everleaf, lying_ca, work, mounts, command):
    (work / "out").mkdir()
    mounts.small(work / "out")
    old_files_of(lying_ca, work / "out")
    mounts.fill(work / "out")
    before = contents(work / "out")
    everleaf(*into("out", command, lying_ca)).failed("out/", "no space")
    assert lying_ca.requests == [] and contents(work / "out") == before


@pytest.mark.parametrize("command", [renew, renew_by_token, rekey], ids=name)
def test_a_key_that_is_not_the_certificates(everleaf, lying_ca, work, command):
    lying_ca.leaf().save(work / "client.crt", work / "other.key")
    lying_ca.leaf().save(work / "other.crt", work / "client.key")
    before = contents(work)
    refused(everleaf(*command(lying_ca)), work, before, *PAIR)
    assert lying_ca.requests == []


@pytest.mark.parametrize("command", [renew, rekey], ids=name)
@pytest.mark.parametrize("file", PAIR)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "binary", "a directory", "a FIFO"])
def test_an_input_file_that_is(everleaf, lying_ca, work, old_files, command, file, damage):
    if (damage, file, command) == ("a FIFO", "client.key", renew):
        pytest.skip("that is no damage: test_streams.py")
    path = work / file
    good = path.read_bytes()
    path.unlink()
    {"missing": lambda: None, "empty": path.touch, "cut": lambda: path.write_bytes(good[:100]), "a FIFO": lambda: os.mkfifo(path),
     "binary": lambda: path.write_bytes(os.urandom(1000)), "a directory": path.mkdir}[damage]()
    before = contents(work)
    refused(everleaf(*command(lying_ca)), work, before, file)
    assert lying_ca.requests == []


def someone_writes(path):
    path.write_text("somebody else's\n")


@pytest.mark.parametrize("file", PAIR)
def test_a_file_that_appears_meanwhile_is_not_replaced(everleaf, lying_ca, work, file):
    lying_ca.lies["sign"] = Lie(meanwhile=partial(someone_writes, work / file))
    everleaf("ca", "certificate", "myuser", *PAIR, *lying_ca.trust(), *lying_ca.credential()).failed(file)
    assert [path.name for path in work.iterdir()] == [file]
    assert (work / file).read_text() == "somebody else's\n"


@pytest.mark.parametrize("command, endpoint", [(renew, "renew"), (rekey, "rekey")])
def test_a_renewed_certificate_is_not_paired_with_somebody_elses_key(everleaf, lying_ca, work, old_files, command, endpoint):
    """Somebody replaces both files while the CA thinks: with --force ours may win, but the pair must match."""
    def someone_rekeys():
        lying_ca.leaf().save(work / "client.crt", work / "client.key")

    lying_ca.lies[endpoint] = Lie(meanwhile=someone_rekeys)
    everleaf(*command(lying_ca))
    assert pair_matches(work / "client.crt", work / "client.key")
    assert set(contents(work)) == set(old_files)


# The liar itself: sane when it does not lie

@pytest.mark.parametrize("command", [command for command, _ in ASKING], ids=name)
def test_the_same_ca_when_sane(everleaf, lying_ca, work, old_files, command):
    everleaf(*command(lying_ca), STEPPATH=str(work / "step")).succeeded()
    assert load(work / "client.crt").not_valid_after > now() and load_key(work / "client.key")
