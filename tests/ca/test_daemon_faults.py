# SPDX-License-Identifier: Apache-2.0
"""everleafd when things go wrong: what works is never put at risk, and when the world is sane again it goes on."""
import os
import shutil

import pytest

from certificates import DAY, Seconds, load, now, pair_matches
from daemon import LIVE_FILES, certificate, proxy
from kill_points import kill_points, killed_at
from lying_ca import CERTIFICATE_LIES, LIES, WAITING_LIES, Lie
from program import BINARIES, contents, environment

ALL_LIES = {**LIES, **{f"issues a certificate {lie}": CERTIFICATE_LIES[lie] for lie in CERTIFICATE_LIES}}
QUICK_LIES = [lie for lie in ALL_LIES if lie not in WAITING_LIES]


def due_pair(ca, lifetime=DAY):
    return ca.leaf(lifetime=lifetime, not_before=now() - 0.75 * lifetime)


def by_password(ca):
    return f'enroll = {{ password-file = "{ca.password_file}" }}'


def said_in_the_log(result):
    assert result.status == 1, str(result)
    assert "\x1b" not in result.stderr and max(map(len, result.stderr.splitlines())) < 2000, str(result)
    return result.within_limits()


# A lying CA

@pytest.mark.parametrize("lie", QUICK_LIES)
@pytest.mark.parametrize("rekey", ["always", "never"])
def test_a_renewal_by_a_ca_that(daemon, lying_ca, hook, lie, rekey):
    everleafd = daemon(lying_ca, proxy("p", hook.script), certificate("one", f'rekey = "{rekey}"', used_by=["p"]))
    before = contents(everleafd.place("one", due_pair(lying_ca)).live)
    endpoint = {"always": "rekey", "never": "renew"}[rekey]
    lying_ca.lies[endpoint] = ALL_LIES[lie]
    said_in_the_log(everleafd.once())
    assert contents(everleafd.live) == before and hook.calls() == 0
    assert len(lying_ca.asked(endpoint)) == 1
    lying_ca.lies.clear()
    forget_failures(everleafd)
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and contents(everleafd.live) != before and hook.calls() == 1


# A CA's template may add names to a first certificate.
@pytest.mark.parametrize("lie", [lie for lie in QUICK_LIES if lie != "issues a certificate for one name more"])
def test_an_enrollment_by_a_ca_that(daemon, lying_ca, lie):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    lying_ca.lies["sign"] = ALL_LIES[lie]
    said_in_the_log(everleafd.once())
    assert not (everleafd.live / "one").exists()
    lying_ca.lies.clear()
    forget_failures(everleafd)
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and sorted(os.listdir(everleafd.live)) == ["one"]


@pytest.mark.parametrize("lie", WAITING_LIES)
def test_waiting_for_a_ca_that(daemon, lying_ca, lie):
    everleafd = daemon(lying_ca, certificate("one"))
    before = contents(everleafd.place("one", due_pair(lying_ca)).live)
    lying_ca.lies["rekey"] = LIES[lie]
    said_in_the_log(everleafd.once())
    assert contents(everleafd.live) == before


def forget_failures(everleafd):
    """So that the next run does not wait: the state is only a memory of failures."""
    for path in everleafd.state.glob("certificate.*.json"):
        path.unlink()


@pytest.mark.parametrize("lie", ["drops the connection", "says HTML", "issues a certificate for another key",
                                 "says 401 with control characters", "says 503 with nonsense in Retry-After"])
def test_a_running_daemon_recovers_from_a_ca_that(daemon, lying_ca, lie):
    everleafd = daemon(lying_ca, certificate("one"))
    old = everleafd.place("one", due_pair(lying_ca, lifetime=Seconds(seconds=60))).serial("one")
    lying_ca.lies["rekey"] = ALL_LIES[lie]
    everleafd.start()
    lying_ca.wait_for("rekey")
    assert everleafd.serial("one") == old
    lying_ca.lies.clear()
    everleafd.wait(lambda: everleafd.serial("one") != old, 30)
    everleafd.terminate()
    assert everleafd.has_pair("one")


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
    assert hook.calls() == 1
    hook.succeed()
    lying_ca.lies["rekey"] = LIES["is silent"]
    everleafd.place("one", due_pair(lying_ca)).start()
    lying_ca.wait_for("rekey", 2)
    everleafd.wait(lambda: hook.calls() == 2)
    everleafd.terminate()


# Files

@pytest.mark.parametrize("age", [0, 0.1], ids=["a new pair", "an older pair"])
def test_files_changed_meanwhile_are_not_overwritten(daemon, lying_ca, age):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    live, other = everleafd.live / "one", lying_ca.leaf(not_before=now() - age * DAY)
    lying_ca.lies["rekey"] = Lie(meanwhile=lambda: other.save(live / "tls.crt", live / "tls.key"))
    result = everleafd.once()
    assert result.status == 1 and "changed" in result.stderr and str(live) in result.stderr, str(result)
    everleafd.once().succeeded()  # what somebody put there is now what we continue from
    assert load(live / "tls.crt") == other.certificate and everleafd.has_pair("one")
    assert os.listdir(everleafd.live) == ["one"] and len(lying_ca.asked("rekey")) == 1


@pytest.mark.parametrize("damage", ["key of another", "no key", "no certificate", "cut certificate", "binary key"])
def test_a_pair_that_does_not_match_is_said_and_never_touched(daemon, lying_ca, damage):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca))).place("one", due_pair(lying_ca))
    crt, key = everleafd.live / "one" / "tls.crt", everleafd.live / "one" / "tls.key"
    {"key of another": lambda: key.write_text(lying_ca.leaf().key_pem), "no key": key.unlink, "no certificate": crt.unlink,
     "cut certificate": lambda: crt.write_text(crt.read_text()[:200]),
     "binary key": lambda: key.write_bytes(os.urandom(300))}[damage]()
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


# kill -9

def enrolling(ca, everleafd):
    everleafd.configure(certificate("one", by_password(ca)))


def rekeying(ca, everleafd):
    everleafd.configure(certificate("one"))
    everleafd.place("one", due_pair(ca))


def rekeying_given_files(ca, everleafd):
    files = everleafd.base / "files"
    everleafd.configure(certificate(
        "one", f'files = {{ certificate = "{files}/tls.crt", key = "{files}/tls.key", combined = "{files}/tls.pem" }}'))
    files.mkdir()
    due_pair(ca).save(files / "tls.crt", files / "tls.key")


@pytest.mark.parametrize("prepare", [enrolling, rekeying, rekeying_given_files], ids=lambda prepare: prepare.__name__)
def test_killed_anywhere_the_next_run_finishes(daemon, lying_ca, hook, prepare):
    everleafd = daemon(lying_ca, root=True)
    prepare(lying_ca, everleafd)
    everleafd.write(everleafd.config.read_text() + 'used-by = ["p"]\n' + proxy("p", hook.script))
    place = everleafd.base / "files" if prepare is rekeying_given_files else everleafd.live / "one"
    names = ["tls.crt", "tls.key", "tls.pem"] if prepare is rekeying_given_files else LIVE_FILES
    before = everleafd.directory / "before"
    shutil.copytree(everleafd.base, before)
    once = [BINARIES / "everleafd", "--config", everleafd.config, "--once"]

    def fresh():
        shutil.rmtree(everleafd.base)
        shutil.copytree(before, everleafd.base)
        hook.calls_file.unlink(missing_ok=True)

    points, whole = kill_points(once, everleafd.directory, environment(everleafd.directory), everleafd.base)
    whole.succeeded()
    old = {path.name: path.read_text() for path in before.rglob("tls.*")}
    kills = 0
    for point in points:
        fresh()
        killed = killed_at(point, once, everleafd.directory, environment(everleafd.directory))
        assert killed.status in (-9, 0), f"{point}: {killed}"
        kills += killed.status == -9
        if prepare is rekeying:  # a live directory is of one generation at every moment
            assert pair_matches(place / "tls.crt", place / "tls.key"), point
        everleafd.once().succeeded()
        assert sorted(path.name for path in place.iterdir()) == names, point
        assert pair_matches(place / "tls.crt", place / "tls.key"), point
        assert (place / "tls.crt").read_text() != old.get("tls.crt"), point
        assert sorted(os.listdir(everleafd.live)) == ([] if prepare is rekeying_given_files else ["one"]), point
        assert not list(everleafd.state.glob("*.key")) and not list(everleafd.base.rglob(".*.everleaf-*")), point
        assert hook.calls() in (1, 2), point
    assert kills >= 10 and kills >= 0.8 * len(points)
