# SPDX-License-Identifier: Apache-2.0
"""ca renew --daemon and ca rekey --daemon. Seconds stand for hours: step-ca renews for as long as a certificate was."""
import re
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from certificates import PEM, Seconds, load, load_all, now, pair_matches
from lying_ca import LIES, issues, refuses
from renewal_daemon import RenewalDaemon

COMMANDS = ["renew", "rekey"]


@pytest.fixture
def keep(everleaf):
    made = []

    def start(command, ca, *arguments):
        made.append(RenewalDaemon(everleaf.directory, command, ca, *arguments))
        return made[-1]

    yield start
    for one in made:
        one.kill()


@pytest.fixture
def place(work):
    """Puts a pair of `ca` into the working directory; its serial number."""
    def make(ca, name="client", **differently):
        pair = ca.leaf(**differently).save(work / f"{name}.crt", work / f"{name}.key")
        return pair.certificate.serial_number
    return make


def due():
    """A certificate of a day that is due already."""
    return {"not_before": now() - Seconds(hours=20)}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pair_is_kept_fresh(keep, place, work, real_ca, command):
    serial = place(real_ca, not_before=now(), lifetime=Seconds(seconds=6))
    keys = [(work / "client.key").read_bytes()]
    keeper = keep(command, real_ca)
    for _ in range(3):
        serial = keeper.wait_for_another(serial)
        keeper.wait(lambda: pair_matches(work / "client.crt", work / "client.key"))  # two renames: for a moment it does not
        keys.append((work / "client.key").read_bytes())
        assert load(work / "client.crt").not_valid_after > now()
    keeper.terminate()
    assert pair_matches(work / "client.crt", work / "client.key")
    assert len(set(keys)) == (1 if command == "renew" else 4), keeper.log()
    past = {"renew": "renewed", "rekey": "rekeyed"}[command]
    assert re.search(rf"^INFO: \S+Z first renewal in \ds\nINFO: \S+Z myuser certificate {past}, next in \ds$", keeper.log(), re.M)


def test_what_is_not_due_waits(keep, place, lying_ca):
    place(lying_ca)
    keeper = keep("renew", lying_ca)
    keeper.wait_for_log(r"first renewal in 1[45]h")
    keeper.terminate()
    assert lying_ca.requests == []


@pytest.mark.parametrize("flags, expected", [(["--expires-in", "20h"], r"[23]h\d+m"), (["--renew-period", "10h"], r"9h5\dm"),
                                             (["--renew-period", "0.5d"], r"11h5\dm")], ids=" ".join)
def test_its_owner_says_when(keep, place, lying_ca, flags, expected):
    place(lying_ca)
    keeper = keep("renew", lying_ca, *flags)
    keeper.wait_for_log("first renewal in " + expected)
    keeper.terminate()


@pytest.mark.parametrize("command", COMMANDS)
def test_hangup_renews_at_once(keep, place, real_ca, command):
    serial = place(real_ca)
    keeper = keep(command, real_ca)
    keeper.wait_for_log("first renewal")
    keeper.tell(signal.SIGHUP)
    serial = keeper.wait_for_another(serial)
    keeper.tell(signal.SIGHUP)
    keeper.wait_for_another(serial)
    keeper.terminate()


def test_an_interrupt_ends_it_as_well(keep, place, lying_ca):
    place(lying_ca)
    keeper = keep("renew", lying_ca)
    keeper.wait_for_log("first renewal")
    keeper.tell(signal.SIGINT)
    assert keeper.process.wait(10) == 0


# Hooks

@pytest.mark.parametrize("command", COMMANDS)
def test_hooks_run_after_each(keep, place, real_ca, hook, command):
    place(real_ca, not_before=now(), lifetime=Seconds(seconds=6))
    keeper = keep(command, real_ca, "--exec", f"{hook.script} now")
    keeper.wait(lambda: hook.calls() >= 2)
    keeper.terminate()
    assert set(hook.calls_file.read_text().splitlines()) == {"now"}


def test_a_failed_hook_is_run_again_and_not_forgotten_by_a_restart(keep, place, work, real_ca, hook):
    place(real_ca, **due())
    hook.fail()
    keeper = keep("renew", real_ca, "--exec", hook.script)
    keeper.wait_for_log("ERROR: .*no such luck.*next try in [23]")
    keeper.kill()
    serial = load(work / "client.crt").serial_number
    hook.succeed()
    keeper = keep("renew", real_ca, "--exec", hook.script)
    keeper.wait(lambda: hook.calls() == 2)
    keeper.wait(lambda: not (work / ".client.crt.everleaf-hook").exists())
    keeper.terminate()
    assert load(work / "client.crt").serial_number == serial


def test_nobody_is_told_of_what_is_not_new(keep, place, work, lying_ca, hook):
    place(lying_ca)
    keeper = keep("renew", lying_ca, "--exec", hook.script)
    keeper.wait_for_log("first renewal")
    keeper.terminate()
    assert hook.calls() == 0 and not (work / ".client.crt.everleaf-hook").exists()


def test_a_process_file_is_read_when_the_signal_is_sent(keep, place, work, real_ca):
    place(real_ca)
    keeper = keep("renew", real_ca, "--pid-file", "pid", "--signal", signal.SIGUSR1.value)
    keeper.wait_for_log("first renewal")
    with subprocess.Popen(["sleep", "60"]) as process:
        (work / "pid").write_text(f"{process.pid}\n")
        keeper.tell(signal.SIGHUP)
        assert process.wait(20) == -signal.SIGUSR1
    keeper.terminate()


# What goes wrong

@pytest.mark.parametrize("command", COMMANDS)
def test_a_ca_that_is_away_is_asked_again(keep, place, work, lying_ca, command):
    serial = place(lying_ca, **due())
    lying_ca.lies[command] = refuses(503, "away")
    keeper = keep(command, lying_ca)
    keeper.wait_for_log("ERROR: .*503.*next try in [23]")
    assert load(work / "client.crt").serial_number == serial and len(lying_ca.asked(command)) == 1
    lying_ca.lies.clear()
    keeper.tell(signal.SIGHUP)
    keeper.wait_for_another(serial)
    keeper.terminate()


def test_a_ca_gets_the_patience_that_it_asks_for(keep, place, lying_ca):
    place(lying_ca, **due())
    lying_ca.lies["renew"] = refuses(503, "later", Retry_After="7200")
    keeper = keep("renew", lying_ca)
    keeper.wait_for_log("next try in (2h0m0s|1h59m59s)")
    keeper.terminate()


def test_a_wrong_answer_is_not_written(keep, place, work, lying_ca):
    serial = place(lying_ca, **due())
    lying_ca.lies["renew"] = issues(names=["somebody.else"])
    keeper = keep("renew", lying_ca, "--exec", "touch told")
    keeper.wait_for_log("ERROR: .*something else than asked")
    keeper.terminate()
    assert load(work / "client.crt").serial_number == serial and not (work / "told").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_stops_while_the_ca_says_nothing(keep, place, work, lying_ca, command):
    serial = place(lying_ca, **due())
    lying_ca.lies[command] = LIES["is silent"]
    keeper = keep(command, lying_ca)
    keeper.wait(lambda: lying_ca.asked(command))
    keeper.terminate()
    assert load(work / "client.crt").serial_number == serial
    assert sorted(path.name for path in work.iterdir()) == ["client.crt", "client.key"]


def test_it_stops_while_a_hook_hangs_and_the_next_runs_it(keep, place, real_ca, hook):
    place(real_ca, **due())
    hook.hang()
    keeper = keep("renew", real_ca, "--exec", hook.script)
    keeper.wait(lambda: hook.calls() == 1)
    keeper.terminate()
    hook.succeed()
    keeper = keep("renew", real_ca, "--exec", hook.script)
    keeper.wait(lambda: hook.calls() == 2)
    keeper.terminate()


def test_a_pair_that_somebody_else_replaced_is_the_one_that_is_renewed(keep, place, work, real_ca):
    place(real_ca)
    keeper = keep("renew", real_ca)
    keeper.wait_for_log("first renewal")
    serial = place(real_ca)  # with another key
    keeper.tell(signal.SIGHUP)
    keeper.wait_for_log("replaced by somebody else")
    keeper.wait_for_another(serial)
    keeper.terminate()
    assert pair_matches(work / "client.crt", work / "client.key")


def test_files_that_do_not_fit_together_are_said_and_left_alone(keep, place, work, lying_ca):
    place(lying_ca)
    keeper = keep("renew", lying_ca)
    keeper.wait_for_log("first renewal")
    lying_ca.leaf().save(work / "client.crt")
    keeper.tell(signal.SIGHUP)
    keeper.wait_for_log("ERROR: .*client.key.*looking again")
    keeper.terminate()
    assert lying_ca.requests == []


def test_an_encrypted_key(keep, work, lying_ca):
    pair = lying_ca.leaf(**due()).save(work / "client.crt")
    encryption = serialization.BestAvailableEncryption(b"hush")
    (work / "client.key").write_bytes(pair.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))
    (work / "password").write_text("hush\n")
    keeper = keep("renew", lying_ca, "--password-file", "password")
    keeper.wait_for_another(pair.certificate.serial_number)
    keeper.terminate()


def test_what_is_wrong_at_the_start_ends_it(everleaf, lying_ca, work):
    renew = ["ca", "renew", "client.crt", "client.key", "--daemon", *lying_ca.trust()]
    everleaf(*renew).failed("client.crt")
    lying_ca.leaf().save(work / "client.crt", work / "client.key")
    everleaf(*renew, "--renew-period", "24h").failed("--renew-period", "validity period")
    everleaf(*renew, "--expires-in", "25h").failed("--expires-in", "validity period")
    everleaf("ca", "renew", "client.crt", "client.key", *lying_ca.trust(), "--renew-period", "1h").failed("--renew-period", "--daemon")
    everleaf(*renew, "--renew-period", "1h", "--expires-in", "1h").failed("--renew-period", "--expires-in")
    everleaf(*renew, "--exit-status").failed("--exit-status", "--daemon")
    everleaf("ca", "rekey", *renew[2:], "--private-key", "client.key").failed("--private-key", "--daemon")
    assert lying_ca.requests == []


# Written elsewhere

def test_what_was_written_elsewhere_is_what_is_renewed_after_a_restart(keep, place, work, real_ca):
    place(real_ca, **due())
    keeper = keep("renew", real_ca, "--out", "new.crt")
    keeper.wait_for_log("renewed, next in 1[456]h")
    keeper.terminate()
    serial = load(work / "new.crt").serial_number
    keeper = keep("renew", real_ca, "--out", "new.crt")
    keeper.wait_for_log("first renewal in 1[456]h")
    keeper.terminate()
    assert load(work / "new.crt").serial_number == serial


def test_a_pair_that_is_rekeyed_elsewhere(keep, place, work, real_ca):
    place(real_ca, not_before=now(), lifetime=Seconds(seconds=6))
    keeper = keep("rekey", real_ca, "--out-cert", "new.crt", "--out-key", "new.key")
    keeper.wait_for_log("rekeyed", times=3)
    keeper.terminate()
    assert pair_matches(work / "new.crt", work / "new.key") and pair_matches(work / "client.crt", work / "client.key")


def test_one_that_expired_is_renewed_by_token_before_it_is_rekeyed(keep, place, work, real_ca):
    late = ("late", real_ca.provisioners["late"].kid)
    serial = place(real_ca, not_before=now() - Seconds(hours=25), provisioner=late)
    key = (work / "client.key").read_bytes()
    keeper = keep("rekey", real_ca)
    serial = keeper.wait_for_another(serial)
    keeper.tell(signal.SIGHUP)
    keeper.wait_for_another(serial)
    keeper.terminate()
    assert pair_matches(work / "client.crt", work / "client.key") and (work / "client.key").read_bytes() != key
    assert len(load_all(work / "client.crt")) == 2


def test_parts_are_replaced_together_with_the_pair(keep, place, work, real_ca):
    place(real_ca, not_before=now(), lifetime=Seconds(seconds=6))
    keeper = keep("rekey", real_ca, "--out-leaf", "leaf.pem", "--out-chain", "chain.pem", "--mode", "0640")
    keeper.wait_for_log("rekeyed", times=2)
    keeper.terminate()
    assert load_all(work / "client.crt") == [load(work / "leaf.pem"), *load_all(work / "chain.pem")]
    assert {path.stat().st_mode & 0o777 for path in work.iterdir()} == {0o640} and pair_matches(work / "leaf.pem", work / "client.key")
