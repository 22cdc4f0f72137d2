# SPDX-License-Identifier: Apache-2.0
"""A CA that lies: every command and everleafd, each endpoint that it asks, everything that is not true. Nothing is stored,
it takes neither long nor much memory, and what is said about it fits on two lines of a terminal."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from asking import ASKING, ISSUING, RENEWING, name, old_files_of
from certificates import DAY, Seconds, load, names_of, now, pair_matches, public_bytes
from daemon import Daemon, certificate
from lying_ca import (CERTIFICATE_LIES, HANDSHAKE_LIES, HARMLESS, LIES, REPLACEMENT_LIES, WAITING_HANDSHAKES,
                      WAITING_LIES, Lie, LyingCa, PlainHttp, edits, field_lies, redirects_to)
from program import SANITIZED, Program, contents

QUICK_LIES = [lie for lie in LIES if lie not in WAITING_LIES]


class Asked:
    """The commands against one CA, each in a directory of its own."""

    def __init__(self, ca, directory):
        self.ca, self.directory, self.made = ca, directory, 0

    def run(self, case):
        command, endpoint = case
        place = self.directory / f"work-{self.made}"
        self.made += 1
        place.mkdir()
        before = old_files_of(self.ca, place)
        result = Program(place, HOME=str(self.directory))(*command(self.ca), STEPPATH=str(place / "step"))
        return place, before, result

    def refused(self, case):
        place, before, result = self.run(case)
        where = f"{name(case)}: {result}"
        assert result.status == 1, where
        result.failed().within_limits()
        assert contents(place) == before, where

    def refused_or_right(self, case):
        """A lie about what nobody needs is none: then all is as if it had not been told."""
        place, before, result = self.run(case)
        where = f"{name(case)}: {result}"
        result.within_limits()
        if result.status != 0:
            result.failed()
            assert contents(place) == before, where
        elif case in ISSUING:
            assert pair_matches(place / "client.crt", place / "client.key"), where
            assert names_of(load(place / "client.crt")) == ["myuser"], where
        elif "ca.crt" in map(str, case[0](self.ca)):
            assert (place / "ca.crt").read_text() == self.ca.trusted.root.pem, where


@pytest.fixture
def asked(lying_ca, tmp_path):
    return Asked(lying_ca, tmp_path)


@pytest.mark.parametrize("lie", QUICK_LIES)
def test_a_ca_that(asked, count, lie):
    for case in ASKING:
        asked.ca.lies = {case[1]: LIES[lie]}
        asked.refused(case)
        assert asked.ca.asked(case[1])
    count(len(ASKING))


@pytest.mark.parametrize("lie", HARMLESS)
def test_a_strange_ca_that(asked, count, lie):
    for case in ASKING:
        asked.ca.lies = {case[1]: HARMLESS[lie]}
        asked.run(case)[2].succeeded()
    count(len(ASKING))


@pytest.mark.parametrize("case", ASKING, ids=name)
@pytest.mark.skipif(SANITIZED, reason="the fuzz targets read the same with sanitizers")
def test_fields_of_an_answer(asked, count, case):
    lies = field_lies(case[1])
    for lie in lies.values():
        asked.ca.lies = {case[1]: lie}
        asked.refused_or_right(case)
    count(len(lies))


@pytest.mark.parametrize("lie", CERTIFICATE_LIES)
def test_a_certificate(asked, count, lie):
    for case in ISSUING:
        asked.ca.lies = {case[1]: CERTIFICATE_LIES[lie]}
        asked.refused(case)
    count(len(ISSUING))


@pytest.mark.parametrize("lie", REPLACEMENT_LIES)
def test_a_new_certificate(asked, count, lie):
    for case in RENEWING:
        asked.ca.lies = {case[1]: REPLACEMENT_LIES[lie]}
        asked.refused(case)
    count(len(RENEWING))


@pytest.mark.parametrize("lie", HANDSHAKE_LIES)
def test_instead_of_a_handshake_it(asked, count, lie):
    asked.ca.handshake_lie = lie
    for case in ASKING:
        asked.refused(case)
    count(len(ASKING))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(asked, tmp_path, count, status):
    with PlainHttp() as plain, LyingCa(tmp_path / "elsewhere") as other:
        places = [f"{plain.url}/x", f"{other.url}/sign", f"{asked.ca.url}/elsewhere", "file:///etc/passwd", "//", "\x1b[2J"]
        for case in ASKING:
            for place in places:
                asked.ca.lies = {case[1]: redirects_to(place, status)}
                asked.refused(case)
        assert not plain.requests and not other.requests and not asked.ca.asked("elsewhere")
        count(len(ASKING) * len(places))


def test_a_list_of_provisioners_that_never_ends(asked, count):
    """The same page again and again, and each time another one."""
    for cursor in (lambda page: "aa", lambda page: f"{page:x}"):
        pages = iter(range(1, 1_000_000))
        asked.ca.lies = {"provisioners": Lie(answer=next_page(cursor, pages))}
        for case in [case for case in ASKING if case[1] == "provisioners"]:
            asked.refused(case)
    count(4)


def next_page(cursor, pages):
    def answer(honest):
        honest.body = honest.body.replace(b'"nextCursor": ""', b'"nextCursor": "%s"' % cursor(next(pages)).encode())
        return honest
    return answer


def test_a_token_that_the_ca_burned_without_an_answer(asked):
    """The certificate was issued, and lost on the way: the next time the CA says so, and then so do we."""
    case = ASKING[3]
    assert name(case) == "certificate_by_token-sign"
    asked.ca.lies = {"sign": LIES["drops the connection"]}
    asked.refused(case)
    asked.ca.lies = {"sign": LIES["says 401 with control characters"]}
    asked.refused(case)


@pytest.mark.parametrize("lie", [*WAITING_LIES, *WAITING_HANDSHAKES])
def test_waiting_for_a_ca_that(tmp_path, count, lie):
    """All commands at once: each may take up to 30 s."""
    def refuse(case):
        with LyingCa(tmp_path / name(case) / "ca") as ca:
            ca.handshake_lie = lie if lie in WAITING_HANDSHAKES else ""
            ca.lies = {case[1]: LIES.get(lie, Lie())}
            Asked(ca, tmp_path / name(case)).refused(case)

    with ThreadPoolExecutor(len(ASKING)) as at_once:
        list(at_once.map(refuse, ASKING))
    count(len(ASKING))


def test_an_order_that_never_comes_to_an_end(asked):
    case = next(case for case in ASKING if case[1] == "acme_orders")
    asked.ca.lies = {"acme_orders": edits(lambda order: order.update(status="processing"))}
    place = asked.directory / "work"
    place.mkdir()
    before = old_files_of(asked.ca, place)
    result = Program(place, HOME=str(asked.directory))(*case[0](asked.ca), limit=120)
    result.failed("did not come to an end").within_limits(seconds=95)
    assert contents(place) == before


# everleafd

LIFETIME = Seconds(minutes=3)
MOST_MEMORY = 64  # MiB, at 4 answers at a time


class Flock:
    """One everleafd with a certificate for each lie, all of them due or missing."""

    def __init__(self, directory, ca):
        self.ca, self.daemon = ca, Daemon(directory, ca, root=True)
        self.blocks, self.old = [], {}

    def add(self, lie, *keys, due=True):
        name = f"c{len(self.blocks)}"
        self.ca.lies_to[name] = lie
        self.blocks.append(certificate(name, *keys, subject=name))
        if due:
            self.daemon.place(name, self.ca.leaf(name, lifetime=LIFETIME, not_before=now() - 0.75 * LIFETIME))
        self.old[name] = self.daemon.serial(name)
        return self

    def start(self):
        self.daemon.configure(*self.blocks)
        self.before = contents(self.daemon.live) if self.daemon.live.exists() else {}
        self.daemon.start()

    def failures(self):
        return {name for name in self.old if f"event=failed certificate={name} " in self.daemon.log()}

    def fresh(self):
        return {name for name, old in self.old.items() if self.daemon.serial(name) not in (None, old)}

    def touched(self):
        """What is in the live parent and was not there before, or is another one."""
        now = contents(self.daemon.live) if self.daemon.live.exists() else {}
        return {path for path in now.keys() | self.before.keys() if now.get(path) != self.before.get(path)}

    def peak(self):
        status = open(f"/proc/{self.daemon.process.pid}/status").read()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def check_log(self):
        lines = self.daemon.log_file.read_bytes().decode().splitlines()
        assert not [line for line in lines if any(ord(c) < 32 or 126 < ord(c) < 160 or c == "\u202e" for c in line)]
        assert max(map(len, lines)) < 2000


def check_recovery(flock, seconds):
    """All fail, nothing changes; then the CA is sane again, and without anybody's help all succeed."""
    flock.start()
    try:
        flock.daemon.wait(lambda: flock.failures() == flock.old.keys(), seconds, "all have failed")
        assert not flock.touched() and not flock.fresh()
        flock.ca.lies.clear()
        flock.ca.lies_to.clear()
        flock.daemon.wait(lambda: flock.fresh() == flock.old.keys(), 120, "all are fresh")
        assert all(flock.daemon.has_pair(name) for name in flock.old)
        assert SANITIZED or flock.peak() < MOST_MEMORY
        flock.daemon.terminate()
        flock.check_log()
    finally:
        flock.daemon.kill()


@pytest.mark.parametrize("rekey", ["always", "never"])
def test_everleafd_renews_when_the_ca_is_sane_again(tmp_path, count, rekey):
    with LyingCa(tmp_path / "ca", lifetime=LIFETIME) as ca:
        flock = Flock(tmp_path / "daemon", ca)
        for lie in [*(LIES[lie] for lie in QUICK_LIES), *CERTIFICATE_LIES.values(), *REPLACEMENT_LIES.values()]:
            flock.add(lie, f'rekey = "{rekey}"')
        check_recovery(flock, 60)
        count(len(flock.old))


def test_everleafd_enrolls_when_the_ca_is_sane_again(tmp_path, count):
    """Not after Retry-After: then it has to wait."""
    with LyingCa(tmp_path / "ca") as ca:
        flock = Flock(tmp_path / "daemon", ca)
        for lie in [*(LIES[lie] for lie in QUICK_LIES if "Retry-After" not in lie), *CERTIFICATE_LIES.values()]:
            flock.add(lie, f'enroll = {{ password-file = "{ca.password_file}" }}', due=False)
        check_recovery(flock, 60)
        count(len(flock.old))


def test_everleafd_waits_for_a_ca_and_goes_on_when_it_is_sane_again(tmp_path, count):
    with LyingCa(tmp_path / "ca", lifetime=LIFETIME) as ca:
        flock = Flock(tmp_path / "daemon", ca)
        for lie in WAITING_LIES:
            flock.add(LIES[lie])
        check_recovery(flock, 60)
        count(len(flock.old))


def test_everleafd_with_a_token_that_the_ca_burned_without_an_answer(lying_ca, tmp_path):
    token = tmp_path / "token"
    daemon = Daemon(tmp_path / "daemon", lying_ca, certificate("one", f'enroll = {{ token-file = "{token}" }}'), root=True)
    for lie in ("drops the connection", "says 401 with control characters"):
        token.write_text(lying_ca.token("myuser"))
        lying_ca.lies = {"sign": LIES[lie]}
        result = daemon.once()
        assert result.status == 1 and "event=failed" in result.stderr and not daemon.crt("one").exists(), str(result)
    lying_ca.lies.clear()
    token.write_text(lying_ca.token("myuser"))
    daemon.once().succeeded()
    assert daemon.has_pair("one")
    asked = [json.loads(request.body)["csr"] for request in lying_ca.asked("sign")]
    keys = {public_bytes(x509.load_pem_x509_csr(csr.encode()).public_key()) for csr in asked}
    assert len(asked) == 3 and len(keys) == 1  # so that a certificate that was lost is for a key that we have


@pytest.mark.parametrize("kind", ["for another host", "of an unknown CA", "expired", *HANDSHAKE_LIES])
def test_everleafd_renews_after_a_server(tmp_path, kind):
    with LyingCa(tmp_path / "ca") as ca:
        daemon = Daemon(tmp_path / "daemon", ca, certificate("one"), root=True)
        daemon.place("one", ca.leaf(not_before=now() - 0.75 * DAY))
        before, good = contents(daemon.live), ca.tls
        ca.handshake_lie = kind if kind in HANDSHAKE_LIES else ""
        ca.tls = good if ca.handshake_lie else ca.server_context(kind)
        result = daemon.once().within_limits()
        assert result.status == 1 and contents(daemon.live) == before and not ca.requests, str(result)
        ca.handshake_lie, ca.tls = "", good
        daemon.once().succeeded()
        assert daemon.has_pair("one") and contents(daemon.live) != before


@pytest.mark.parametrize("endpoint", ["provisioners", "root"])
def test_everleafd_enrolls_although_the_ca_lied_about(tmp_path, count, endpoint):
    """Which it asks before it says whose certificate it wants: one pass with the lie, one without."""
    lies = {**{lie: LIES[lie] for lie in QUICK_LIES if "Retry-After" not in lie}, **field_lies(endpoint)}
    for number, lie in enumerate(lies.values()):
        with LyingCa(tmp_path / f"ca-{number}") as ca:
            daemon = Daemon(tmp_path / f"daemon-{number}", ca, certificate("one", f'enroll = {{ password-file = "{ca.password_file}" }}'))
            ca.lies[endpoint] = lie
            result = daemon.once().within_limits()
            assert result.status == 1 and not (daemon.live / "one").exists() or result.status == 0, str(result)
            assert "\x1b" not in result.stderr and max(map(len, result.stderr.splitlines())) < 2000, str(result)
            ca.lies.clear()
            daemon.once().succeeded()
            assert daemon.has_pair("one"), str(result)
    count(len(lies))
