# SPDX-License-Identifier: Apache-2.0
"""SIGTERM, SIGINT, SIGHUP: a command ends by them as any program, and leaves no temporary behind; only what an intent record
promises, for the next run to complete."""
import signal
import subprocess

import pytest

from faults import TERMINATE, EveryCall, ended_by
from layouts import REPLACING, certificate, finish, renewed, root, token
from lying_ca import sends
from program import contents, environment, wait_until


@pytest.mark.parametrize("command", REPLACING, ids=lambda command: command.__name__)
def test_a_replacement(lying_ca, old_pair, tmp_path, count, command):
    old = contents(old_pair)

    def check(struck, place):
        if any("intent" in name for name in contents(place)):
            finish(lying_ca, place).succeeded()
        assert contents(place) == old or renewed(place, old), str(struck)

    count(EveryCall(tmp_path, lambda place: command(lying_ca, place), old_pair).strike(TERMINATE, ended_by(signal.SIGTERM, check)))


@pytest.mark.parametrize("command", [root, token], ids=lambda command: command.__name__)
def test_a_single_file(lying_ca, tmp_path, count, command):
    def check(struck, place):
        assert list(contents(place)) in ([], ["out"]), str(struck)

    count(EveryCall(tmp_path, lambda place: command(lying_ca, place)).strike(TERMINATE, ended_by(signal.SIGTERM, check)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_while_the_ca_does_not_answer(lying_ca, tmp_path, number):
    lying_ca.lies["sign"] = sends(silent=True)
    place = tmp_path / "place"
    place.mkdir()
    asking = subprocess.Popen(certificate(lying_ca, place), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=environment(tmp_path), start_new_session=True)
    wait_until(lambda: any(request.endpoint == "sign" for request in lying_ca.requests))
    assert len(contents(place)) == 2
    asking.send_signal(number)
    assert asking.wait(30) == -number
    assert contents(place) == {}


def test_nohup_still_holds(lying_ca, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    words = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *map(str, certificate(lying_ca, place))]
    lying_ca.lies["sign"] = sends(silent=True)
    asking = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(tmp_path))
    wait_until(lambda: any(request.endpoint == "sign" for request in lying_ca.requests))
    asking.send_signal(signal.SIGHUP)
    asking.send_signal(signal.SIGTERM)
    assert asking.wait(30) == -signal.SIGTERM
    assert contents(place) == {}
