# SPDX-License-Identifier: Apache-2.0
"""everleafd when things go wrong: what works is never put at risk, and when the world is sane again it goes on."""
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from certificates import DAY, Seconds, load, now
from daemon import certificate, proxy
from lying_ca import LIES, Lie
from program import contents

def due_pair(ca, lifetime=DAY):
    return ca.leaf(lifetime=lifetime, not_before=now() - 0.75 * lifetime)


def by_password(ca):
    return f'enroll = {{ password-file = "{ca.password_file}" }}'


# A CA that is not there

@pytest.mark.parametrize("root", [True, False], ids=["root", "fingerprint"])
def test_a_ca_that_is_down_at_the_start(daemon, lying_ca, root):
    everleafd = daemon(lying_ca, certificate("one"), root=root)
    old = everleafd.place("one", due_pair(lying_ca, lifetime=Seconds(seconds=60))).serial("one")
    lying_ca.stop()
    everleafd.start()
    everleafd.wait_for_log(f"127.0.0.1:{lying_ca.port}")
    assert everleafd.serial("one") == old
    lying_ca.start()
    everleafd.wait(lambda: everleafd.serial("one") != old, 30)
    everleafd.terminate()
    assert everleafd.has_pair("one")


def test_a_silent_ca_does_not_hold_up_other_work(daemon, lying_ca, hook):
    """While one certificate waits for the CA, another one's owed reload happens."""
    hook.fail()
    both = [proxy("p", hook.script), certificate("one"), certificate("two", used_by=["p"])]
    everleafd = daemon(lying_ca, *both).place("two", due_pair(lying_ca))
    everleafd.once()
    before = hook.calls()
    hook.succeed()
    lying_ca.lies["rekey"] = LIES["is silent"]
    everleafd.place("one", due_pair(lying_ca)).start()
    lying_ca.wait_for("rekey", 2)
    everleafd.wait(lambda: hook.calls() == before + 1)
    everleafd.terminate()


# Files

@pytest.mark.parametrize("age", [0, 0.1], ids=["a new pair", "an older pair"])
def test_files_changed_meanwhile_are_not_overwritten(daemon, lying_ca, age):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    live, other = everleafd.live / "one", lying_ca.leaf(not_before=now() - age * DAY)
    lying_ca.lies["rekey"] = Lie(meanwhile=lambda: other.save(live / "tls.crt", live / "tls.key"))
    result = everleafd.once()
    assert result.status == 1 and "changed" in result.stderr and str(live) in result.stderr, str(result)
    for _ in range(2):  # what somebody put there is now what we continue from, with a tls.pem of its own
        everleafd.once().succeeded()
    assert load(live / "tls.crt") == other.certificate and everleafd.has_pair("one")
    assert os.listdir(everleafd.live) == ["one"] and len(lying_ca.asked("rekey")) == 1


def test_given_files_changed_meanwhile_are_named(daemon, lying_ca, work):
    crt, key = work / "client.crt", work / "client.key"
    due_pair(lying_ca).save(crt, key)
    everleafd = daemon(lying_ca, certificate("one", f'files = {{ certificate = "{crt}", key = "{key}" }}'))
    lying_ca.lies["rekey"] = Lie(meanwhile=lambda: lying_ca.leaf().save(crt, key))
    result = everleafd.once()
    assert result.status == 1 and f"{crt} was changed by somebody else meanwhile" in result.stderr, str(result)


def test_a_directory_that_may_not_be_passed_stops_only_its_own_certificate(daemon, lying_ca, work):
    closed = work / "closed"
    files = f'files = {{ certificate = "{closed}/in/a.crt", key = "{closed}/in/a.key" }}'
    everleafd = daemon(lying_ca, certificate("one", files, by_password(lying_ca)), certificate("two"))
    old = everleafd.place("two", due_pair(lying_ca)).serial("two")
    (closed / "in").mkdir(parents=True)
    closed.chmod(0)
    try:
        everleafd.start(*(["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []))
        everleafd.wait(lambda: everleafd.serial("two") != old)
        everleafd.wait_for_log("certificate=one")
        everleafd.terminate()
    finally:
        closed.chmod(0o700)
    assert f"{closed}/in" in everleafd.log() and "Permission denied" in everleafd.log(), everleafd.log()
    assert contents(closed / "in") == {} and not lying_ca.asked("sign")


def test_what_is_no_directory_is_said(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.live.write_text("")
    everleafd.once().failed(f"{everleafd.live}: it is not a directory")


@pytest.mark.parametrize("damage", ["key of another", "no key", "no certificate", "cut certificate", "binary key"])
def test_a_pair_that_does_not_match_is_said_and_never_touched(daemon, lying_ca, damage):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca))).place("one", due_pair(lying_ca))
    crt, key = everleafd.live / "one" / "tls.crt", everleafd.live / "one" / "tls.key"
    {"key of another": lambda: key.write_text(lying_ca.leaf().key_pem), "no key": key.unlink, "no certificate": crt.unlink,
     "cut certificate": lambda: crt.write_text(crt.read_text()[:200]),
     "binary key": lambda: key.write_bytes(os.urandom(300))}[damage]()
    (everleafd.live / "one" / "tls.pem").unlink()  # a key or certificate that is in there as well is not lost
    before = contents(everleafd.live)
    result = everleafd.once()
    assert result.status == 1 and "one" in result.stderr, str(result)
    assert contents(everleafd.live) == before
    assert not lying_ca.asked("sign") and not lying_ca.asked("rekey") and not lying_ca.asked("renew")


def test_a_read_only_state_is_found_before_the_ca_is_asked(daemon, lying_ca, mounts):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    before = contents(everleafd.base)
    mounts.read_only(everleafd.base)
    result = everleafd.once()
    assert result.status == 1 and str(everleafd.base) in result.stderr, str(result)
    assert contents(everleafd.base) == before and not lying_ca.asked("rekey")


def test_a_full_disk_is_found_before_the_ca_is_asked(daemon, lying_ca, mounts):
    everleafd = daemon(lying_ca, certificate("one"))
    mounts.small(everleafd.base)
    everleafd.place("one", due_pair(lying_ca))
    everleafd.state.mkdir(mode=0o700)
    mounts.fill(everleafd.base)
    before = contents(everleafd.live)
    result = everleafd.once()
    assert result.status == 1 and "space" in result.stderr, str(result)
    assert contents(everleafd.live) == before and not lying_ca.asked("rekey")


def test_a_reload_on_a_full_disk_ends_nothing(daemon, lying_ca, mounts):
    """A failure is remembered from before, which the reload forgets: but that cannot be written down."""
    everleafd = daemon(lying_ca, certificate("one"))
    mounts.small(everleafd.base)
    old = everleafd.place("one", due_pair(lying_ca, lifetime=Seconds(seconds=60))).serial("one")
    lying_ca.lies["rekey"] = LIES["says HTML"]
    everleafd.start().wait(lambda: (everleafd.state / "certificate.one.json").exists())
    mounts.fill(everleafd.base)
    everleafd.reload()
    everleafd.wait_for_log("event=configuration-taken")
    lying_ca.lies.clear()
    (everleafd.base / "filler").unlink()
    everleafd.wait(lambda: everleafd.serial("one") != old, 30)
    everleafd.terminate()


def garbled(path):
    good = path.read_bytes()
    return {"cut": good[: len(good) // 2], "empty": b"", "garbage": b"\xff\x00garbage\n", "nested": b"[" * 100_000}


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "nested", "missing"])
def test_damaged_state_never_costs_a_certificate(daemon, lying_ca, hook, damage):
    everleafd = daemon(lying_ca, proxy("p", hook.script), certificate("one", by_password(lying_ca), used_by=["p"]))
    hook.fail()
    everleafd.once()
    before = contents(everleafd.live)
    hook.succeed()
    files = [path for path in everleafd.state.iterdir() if path.is_file() and path.stat().st_size]
    assert files
    for path in files:
        kept = path.read_bytes()
        path.unlink() if damage == "missing" else path.write_bytes(garbled(path)[damage])
        result = everleafd.once()
        assert result.status in (0, 1), str(result)
        assert contents(everleafd.live) == before, f"after {damage} {path.name}: {result}"
        assert result.status == 0 or str(path) in result.stderr, str(result)
        path.write_bytes(kept)
    assert len(lying_ca.asked("sign")) == 1


def test_damage_to_what_is_known_of_the_ca_does_not_hide_its_roots(daemon, lying_ca):
    """Also where the memory of its places is read before a pass has said that it is damaged."""
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    everleafd.state.mkdir(mode=0o700)
    (everleafd.state / "ca.json").write_text("garbage\n")
    everleafd.once().succeeded()
    assert everleafd.has_pair("one")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_the_ca_gave_is_not_lost_for_a_memory_that_cannot_be_written(daemon, lying_ca, mounts):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    everleafd.once().succeeded()
    due_pair(lying_ca).save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    (everleafd.state / "certificate.one.json").unlink()
    old = everleafd.serial("one")
    lying_ca.stop()
    everleafd.once()
    lying_ca.start()
    remembered = everleafd.state / "ca.json"
    assert json.loads(remembered.read_text())["away"]
    mounts.mount("--bind", remembered, remembered)  # it cannot be replaced
    result = everleafd.once()
    assert "event=state-not-written" in result.stderr and everleafd.serial("one") != old, str(result)
    assert len(lying_ca.asked("rekey")) == 2


STATE_FILES = ["certificate.one.json", "proxy.p.json", "ca.json", "roots.json", "withheld.one.json"]


def put_in_place_of(path, kind):
    path.unlink(missing_ok=True)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        (path / "theirs").mkdir(parents=True)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        path.touch()
        os.truncate(path, 1 << 25)  # above what any of them may have


@pytest.mark.parametrize("kind", ["FIFO", "directory", "socket", "huge"])
def test_what_is_no_state_file_never_stops_a_renewal(daemon, lying_ca, hook, kind, monkeypatch):
    everleafd = daemon(lying_ca, proxy("p", hook.script), certificate("one", by_password(lying_ca), used_by=["p"]))
    everleafd.once().succeeded()
    monkeypatch.chdir(everleafd.state)  # the path of a socket must be short
    for name in STATE_FILES:
        due_pair(lying_ca).save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
        (everleafd.state / "certificate.one.json").unlink(missing_ok=True)
        put_in_place_of(Path(name), kind)
        result = everleafd.once().within_limits(seconds=5)
        assert "event=delivered" in result.stderr and "event=state-damaged" in result.stderr, str(result)
        assert load(everleafd.crt("one")).not_valid_before > now() - DAY / 10 and everleafd.has_pair("one")
        if name in STATE_FILES[:2]:  # always written
            assert (everleafd.state / name).is_file() and everleafd.once().succeeded().stderr.count("state-damaged") == 0
        elif (everleafd.state / name).is_dir():
            shutil.rmtree(everleafd.state / name)
        else:
            (everleafd.state / name).unlink(missing_ok=True)


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "nested"])
def test_a_pending_key_that_is_damaged_costs_no_more_than_another_key(daemon, lying_ca, damage):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    everleafd.state.mkdir(mode=0o700)
    pending = everleafd.state / "certificate.one.key"
    pending.write_text(lying_ca.leaf().key_pem)
    pending.write_bytes(garbled(pending)[damage])
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and not pending.exists()


@pytest.mark.parametrize("kind", ["FIFO", "directory", "socket", "huge"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "renewed"])
def test_what_is_no_pending_key_never_stops_a_certificate(daemon, lying_ca, is_first, kind, monkeypatch):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    if not is_first:
        everleafd.place("one", due_pair(lying_ca))
    everleafd.state.mkdir(mode=0o700)
    monkeypatch.chdir(everleafd.state)  # the path of a socket must be short
    put_in_place_of(Path("certificate.one.key"), kind)
    everleafd.once().within_limits(seconds=5).succeeded()
    assert load(everleafd.crt("one")).not_valid_before > now() - DAY / 10 and everleafd.has_pair("one")
    left = [path.name for path in everleafd.state.glob("certificate.one.key*")]
    assert len(left) == (kind != "huge") and "certificate.one.key" not in left, left
