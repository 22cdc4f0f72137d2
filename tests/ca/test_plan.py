# SPDX-License-Identifier: Apache-2.0
"""everleaf plan: what everleafd says it will do is what it does."""
import json
import re
from datetime import datetime

import pytest

from certificates import DAY, Seconds, load, now
from daemon import certificate, proxy

NEW = {"not_before": now() - DAY / 10}
DUE = {"not_before": now() - 0.75 * DAY}


def parse(time):
    return datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def plan(everleaf):
    def ask(everleafd, *arguments):
        said = everleaf("plan", "--config", everleafd.config, "--json", *arguments).succeeded()
        answer = json.loads(said.stdout)
        assert answer["version"] == 1
        return {one["name"]: one for one in answer["certificates"]}
    return ask


def test_it_names_the_moment_that_the_daemon_names(daemon, lying_ca, plan):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    planned = plan(everleafd)["one"]
    everleafd.terminate()
    assert f"renewal={planned['when']}" in everleafd.log()
    assert (planned["step"], planned["now"]) == ("rekey", "wait")
    window, leaf = planned["certificate"]["window"], load(everleafd.crt("one"))
    assert parse(window["begin"]) < parse(planned["when"]) <= parse(window["end"])
    assert abs(parse(window["end"]) - (leaf.not_valid_before + DAY * 2 / 3)) <= Seconds(seconds=1)


def test_survive_moves_the_window(daemon, lying_ca, plan):
    everleafd = daemon(lying_ca, certificate("one", 'survive = "12h"')).place("one", lying_ca.leaf(**NEW))
    planned = plan(everleafd)["one"]
    assert parse(planned["certificate"]["window"]["end"]) == load(everleafd.crt("one")).not_valid_after - DAY / 2
    assert planned["survive-seconds"] == 12 * 3600


def test_at_another_time(daemon, lying_ca, plan):
    everleafd = daemon(lying_ca, certificate("one", 'rekey = "never"')).place("one", lying_ca.leaf(**NEW))
    assert plan(everleafd, "--at", "20h")["one"]["now"] == "renew"
    assert plan(everleafd, "--at", (now() + 2 * DAY).isoformat() + "Z")["one"]["now"] == "renew-expired"
    assert plan(everleafd)["one"]["now"] == "wait"


def test_it_says_what_is_wrong(daemon, lying_ca, plan):
    everleafd = daemon(lying_ca, certificate("none"), certificate("bad")).place("bad", lying_ca.leaf())
    lying_ca.leaf().save(everleafd.crt("bad"))
    planned = plan(everleafd)
    assert planned["none"]["step"] == planned["bad"]["step"] == "give-up"
    assert "enroll" in planned["none"]["why"] and "match" in planned["bad"]["why"]


def test_failures_and_debts_are_inputs(daemon, lying_ca, plan, hook, everleaf):
    hook.fail()
    blocks = proxy("nginx", hook.script), certificate("owed", used_by=["nginx"]), certificate("refused", 'enroll = { token-file = "/none" }')
    everleafd = daemon(lying_ca, *blocks).place("owed", lying_ca.leaf(**DUE))
    assert everleafd.once().status == 1
    planned = plan(everleafd)
    [owed] = planned["owed"]["owed"]
    assert owed["proxy"] == "nginx" and "no such luck" in owed["last-error"] and owed["failures"] == 1
    assert parse(owed["next-try"]) > parse(owed["since"])
    attempts = planned["refused"]["attempts"]
    assert attempts["failures"] == 1 and "/none" in attempts["last-error"]
    assert planned["refused"]["now"] == "wait" and planned["refused"]["step"] == "enroll"
    text = everleaf("plan", "--config", everleafd.config).succeeded().stdout
    assert re.search(r"^owed: rekey at .*, in \d+h\d+m\d+s$", text, re.M) and "owed by   nginx, since" in text


def test_it_changes_nothing_and_may_run_beside_the_daemon(daemon, lying_ca, plan):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    before = {path: path.stat().st_mtime_ns for path in everleafd.base.rglob("*")}
    plan(everleafd, "one")
    assert {path: path.stat().st_mtime_ns for path in everleafd.base.rglob("*")} == before
    everleafd.terminate()


def test_what_cannot_be_told(daemon, lying_ca, everleaf):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    config = "--config", everleafd.config
    everleaf("plan", "onne", *config).failed("onne", "did you mean", "one")
    everleaf("plan", *config, "--at", "soon").failed("--at", "soon")
    everleaf("plan", "--config", everleafd.directory / "none.toml").failed("none.toml")
