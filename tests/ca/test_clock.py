# SPDX-License-Identifier: Apache-2.0
"""everleafd: its clock, the CA's clock, and certificates that do not fit to either."""
import datetime
import email.utils
import glob
import json
import re
from dataclasses import replace

import pytest

from certificates import DAY, Seconds, load, now
from daemon import certificate, proxy
from jose import claims_of
from local_http import ask
from lying_ca import Lie, refuses
from program import SANITIZED, contents


def at_another_time(ahead):
    """The CA's clock is that much ahead."""
    def dated(answer):
        return replace(answer, headers={**answer.headers, "Date": http_date(now() + ahead)})
    return Lie(dated)


def http_date(time):
    return email.utils.format_datetime(time.replace(tzinfo=datetime.timezone.utc), usegmt=True)


def due_pair(ca):
    return ca.leaf(not_before=now() - 0.75 * DAY)


def memory_of(everleafd, name="one"):
    return json.loads((everleafd.state / f"certificate.{name}.json").read_text())


def test_the_clock_of_a_sane_ca_is_known(daemon, real_ca):
    everleafd = daemon(real_ca, certificate(
        "one", f'enroll = {{ provisioner = "admin", password-file = "{real_ca.password_file()}" }}'))
    result = everleafd.once().succeeded()
    assert "clocks-differ" not in result.stderr and -5 <= memory_of(everleafd)["ca-ahead"] <= 5


@pytest.mark.parametrize("ahead", [Seconds(minutes=10), Seconds(hours=-20)], ids=["ahead", "behind"])
def test_a_ca_with_another_clock_is_said(daemon, lying_ca, ahead):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    lying_ca.lies["rekey"] = at_another_time(ahead)
    result = everleafd.once().succeeded()
    assert "event=clocks-differ certificate=one" in result.stderr, str(result)
    assert abs(memory_of(everleafd)["ca-ahead"] - ahead.total_seconds()) < 10


def test_the_clock_of_the_ca_is_in_the_status_and_the_metrics(daemon, lying_ca, everleaf):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    lying_ca.lies["rekey"] = lying_ca.lies["health"] = at_another_time(Seconds(minutes=10))
    everleafd.start()
    everleafd.wait_for_log("event=waiting")
    socket = everleafd.base / "everleaf.sock"
    assert 590 < ask(socket, "/status")[1]["ca-clock-ahead-seconds"] < 610
    assert 590 < int(re.search(r"^everleaf_ca_clock_ahead_seconds (\d+)$", ask(socket, "/metrics")[1], re.M)[1]) < 610
    said = everleaf("check", "--config", everleafd.config).succeeded()
    assert "ahead of the one here by " in said.stdout, str(said)
    everleafd.terminate()


@pytest.mark.parametrize("minutes, words", [(10, "ahead of"), (-10, "behind")])
def test_check_says_which_clock_is_ahead(daemon, lying_ca, everleaf, minutes, words):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf())
    lying_ca.lies["health"] = at_another_time(Seconds(minutes=minutes))
    said = everleaf("check", "--config", everleafd.config).succeeded()
    assert re.search(rf"its clock is {words} the one here by \d+m", said.stdout), str(said)


def test_the_clock_is_known_from_a_refusal_as_well(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    lying_ca.lies["rekey"] = Lie(lambda answer: at_another_time(DAY).answer(refuses(401, "no").answer(answer)))
    result = everleafd.once()
    assert result.status == 1 and "event=clocks-differ" in result.stderr, str(result)
    assert memory_of(everleafd)["ca-ahead"] > 80_000


def test_a_ca_that_names_no_time(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    result = everleafd.once().succeeded()
    assert "clocks-differ" not in result.stderr and memory_of(everleafd)["ca-ahead"] is None


def test_a_token_is_dated_by_the_clock_of_the_ca(daemon, lying_ca):
    ahead = Seconds(minutes=-10)
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(not_before=now() - 2 * DAY))
    lying_ca.lies["health"] = at_another_time(ahead)
    everleafd.once().succeeded()
    token = lying_ca.asked("renew")[0].headers["authorization"].removeprefix("Bearer ")
    made = datetime.datetime.utcfromtimestamp(claims_of(token)["iat"])
    assert abs(made - now() - ahead) < Seconds(seconds=10)


def test_what_is_not_valid_yet_is_said_and_left_alone(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(not_before=now() + DAY))
    old = everleafd.serial("one")
    result = everleafd.once()
    assert result.status == 1 and "valid only from" in result.stderr and "clock" in result.stderr, str(result)
    assert everleafd.serial("one") == old and lying_ca.requests == []


PATIENCE = {"a number": (lambda time: "120", 120),
            "a date": (lambda time: http_date(time + Seconds(hours=2)), 7200),
            "an enormous number": (lambda time: "99999999999999999999", 6 * 3600),
            "a date in years": (lambda time: http_date(time + 1000 * DAY), 6 * 3600),
            "a date of the past": (lambda time: "Thu, 01 Jan 1970 00:00:00 GMT", 0),
            "an old form of date": (lambda time: "Friday, 31-Dec-99 23:59:59 GMT", 0)}


@pytest.mark.parametrize("form", PATIENCE)
def test_a_ca_asks_for_patience_by(daemon, lying_ca, form):
    """A date counts from the CA's clock: two hours, not two hours and a day."""
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    ca_time = now() + DAY
    wish, waits = PATIENCE[form]
    lying_ca.lies["rekey"] = refuses(503, "later", Retry_After=wish(ca_time), Date=http_date(ca_time))
    assert everleafd.once().status == 1
    memory = memory_of(everleafd)
    waited = parsed(memory["not-before"]) - parsed(memory["last-failure"])
    assert abs(waited - Seconds(seconds=waits)) <= Seconds(seconds=1)


def parsed(time):
    return datetime.datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ")


def test_to_survive_more_than_half_of_the_lifetime_is_said_once_that_is_known(daemon, lying_ca):
    fresh = lying_ca.leaf(not_before=now() - DAY / 10)
    everleafd = daemon(lying_ca, certificate("one", 'survive = "13h"')).place("one", fresh)
    result = everleafd.once()
    assert result.status == 1 and "event=retrying" in result.stderr and "over half" in result.stderr, str(result)
    assert load(everleafd.crt("one")) == fresh.certificate
    everleafd.configure(certificate("one", 'survive = "12h"'))
    everleafd.once().succeeded()


# With another clock than everybody else's

def by_password(ca):
    return f'enroll = {{ provisioner = "admin", password-file = "{ca.password_file()}" }}'


@pytest.fixture
def at_offset():
    """The environment of a program whose clock is that far off; the one by which it waits is not."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    assert libraries, "libfaketime is missing: scripts/install-packages test"
    return lambda offset: {"LD_PRELOAD": libraries[0], "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"}


@pytest.mark.skipif(SANITIZED, reason="sanitizers and LD_PRELOAD do not go together")
def test_a_clock_that_is_fast_does_not_keep_it_from_enrolling(daemon, real_ca, at_offset):
    """The CA takes no token from the future; ours are dated by its clock."""
    everleafd = daemon(real_ca, certificate("one", by_password(real_ca)), root=True)
    result = everleafd.once(**at_offset("+10m")).succeeded()
    assert "event=clocks-differ" in result.stderr and everleafd.has_pair("one"), str(result)
    assert -610 < memory_of(everleafd)["ca-ahead"] < -590


@pytest.mark.skipif(SANITIZED, reason="sanitizers and LD_PRELOAD do not go together")
@pytest.mark.parametrize("offset, why", [("-2d", "valid only from"), ("+3d", "certificate has expired")])
def test_a_clock_that_is_days_off_is_said_and_harms_nothing(daemon, real_ca, at_offset, offset, why):
    everleafd = daemon(real_ca, certificate("one", by_password(real_ca)), root=True)
    everleafd.once().succeeded()
    before = contents(everleafd.live)
    result = everleafd.once(**at_offset(offset))
    assert result.status == 1 and contents(everleafd.live) == before, str(result)
    assert why in result.stderr and "clock here" in result.stderr, str(result)
    everleafd.once().succeeded()
    assert contents(everleafd.live) == before


@pytest.mark.skipif(SANITIZED, reason="sanitizers and LD_PRELOAD do not go together")
@pytest.mark.parametrize("offset, event", [("+20h", "event=adopted"), ("-25h", "valid only from")])
def test_a_clock_that_is_set_while_it_runs_makes_no_storm(daemon, lying_ca, hook, at_offset, tmp_path, offset, event):
    """libfaketime does not tell the timer that the clock was set, so it is told by SIGHUP."""
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    fake = {**at_offset(""), "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1"}
    everleafd = daemon(lying_ca, proxy("p", hook.script), certificate("one", used_by=["p"]), root=True)
    everleafd.place("one", lying_ca.leaf())
    everleafd.start("env", "-u", "FAKETIME", *(f"{name}={value}" for name, value in fake.items() if value))
    everleafd.wait_for_log("event=waiting")
    clock.write_text(f"{offset}\n")
    everleafd.reload()
    everleafd.wait_for_log(event)
    clock.write_text("+0\n")
    everleafd.reload()
    everleafd.wait(lambda: everleafd.log().count("event=configuration-taken") == 2)
    everleafd.terminate()
    assert len(lying_ca.asked("rekey") + lying_ca.asked("renew")) <= 1
    everleafd.once().succeeded()
    assert len(lying_ca.asked("rekey") + lying_ca.asked("renew")) <= 1
