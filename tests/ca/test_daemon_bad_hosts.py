# SPDX-License-Identifier: Apache-2.0
"""everleafd on a host that is not as it should be: an error or an alarm with a hint, and the certificates that work stay."""
import json
import os
import shutil

import pytest

from certificates import DAY, now
from daemon import certificate
from program import contents


def due_pair(ca):
    return ca.leaf(not_before=now() - 0.75 * DAY)


# A live directory that cannot be exchanged

def mount_point(everleafd, mounts, pair):
    mounts.mount("-t", "tmpfs", "none", everleafd.live / "one")
    pair.save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    return "mount point"


def bind_mounted(everleafd, mounts, pair):
    mounts.mount("--bind", everleafd.live / "one", everleafd.live / "one")
    return "mount point"


def of_an_image(everleafd, mounts, pair):
    lower, memory = everleafd.directory / "image", everleafd.directory / "memory"
    shutil.copytree(everleafd.live, lower)
    memory.mkdir()
    mounts.mount("-t", "tmpfs", "none", memory)
    (memory / "upper").mkdir()
    (memory / "work").mkdir()
    mounts.mount("-t", "overlay", "-o", f"lowerdir={lower},upperdir={memory}/upper,workdir={memory}/work", "none", everleafd.live)
    return "overlay"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("damage", [mount_point, bind_mounted, of_an_image], ids=lambda damage: damage.__name__)
def test_a_live_directory_that_cannot_be_exchanged(daemon, lying_ca, mounts, damage):
    everleafd = daemon(lying_ca, certificate("one"), certificate("two")).place("one", due_pair(lying_ca))
    hint = damage(everleafd, mounts, due_pair(lying_ca))
    everleafd.place("two", due_pair(lying_ca))
    before, two = contents(everleafd.live / "one"), everleafd.serial("two")
    result = everleafd.once()
    assert result.status == 1 and str(everleafd.live / "one") in result.stderr, str(result)
    [failed] = [line for line in result.stderr.splitlines() if "event=failed" in line]
    assert "certificate=one" in failed and hint in failed.split("hint=")[1], str(result)
    assert contents(everleafd.live / "one") == before and len(lying_ca.asked("rekey")) == 1
    assert everleafd.has_pair("two") and everleafd.serial("two") != two


# State

def test_state_of_a_newer_version_is_said_and_costs_no_certificate(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, hook.proxy("p"), certificate("one", used_by=["p"])).place("one", due_pair(lying_ca))
    hook.fail()
    everleafd.once()
    before = contents(everleafd.live)
    files = [everleafd.state / f"{name}.json" for name in ("certificate.one", "proxy.p", "roots", "ca")]
    for path in files:
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, "version": 99}))
    hook.succeed()
    everleafd.start()
    everleafd.wait_for_log("event=adopted")  # what is not known is reloaded, to be safe
    everleafd.terminate()
    for path in files:
        assert f"{path} was written by a newer everleaf" in everleafd.log()
    assert everleafd.has_pair("one") and contents(everleafd.live / "one") == {
        name.removeprefix("one/"): seen for name, seen in before.items() if name.startswith("one/")}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_state_of_another_user_is_left_to_that_one(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    everleafd.state.mkdir(mode=0o700)
    os.chown(everleafd.state, 65534, 65534)
    before = contents(everleafd.base)
    said = everleafd.once()
    assert said.status == 1 and "belongs to user nobody: run everleafd as that one" in said.stderr, str(said)
    assert contents(everleafd.base) == before


# Hooks

def delivers_and_owes(everleafd, hook, *words):
    result = everleafd.once().within_limits(seconds=15)
    [failed] = [line for line in result.stderr.splitlines() if "event=reload-failed" in line]
    assert result.status == 1 and all(word in failed for word in words) and len(failed) < 2000, str(result)
    assert everleafd.has_pair("one") and everleafd.has_pair("two")
    before = hook.calls()
    hook.succeed()
    everleafd.once().succeeded()
    assert hook.calls() == before + 1


@pytest.fixture
def host(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, hook.proxy("p", time_limit="500ms"), certificate("one", used_by=["p"]), certificate("two"))
    return everleafd.place("one", due_pair(lying_ca)).place("two", due_pair(lying_ca))


def test_a_hook_that_hangs(host, hook):
    hook.order.write_text("exec sleep 1000\n")
    delivers_and_owes(host, hook, "did not finish within 500ms", "hint=")


def test_a_hook_that_ignores_being_ended(host, hook):
    hook.order.write_text("trap '' TERM; while :; do sleep 1000; done\n")
    delivers_and_owes(host, hook, "did not finish within 500ms")


def test_a_hook_that_floods(host, hook):
    hook.order.write_text("yes 'a flood of words' >&2 & exec yes\n")
    delivers_and_owes(host, hook, "did not finish within 500ms")


def test_a_hook_that_floods_and_fails(host, hook):
    hook.order.write_text("yes | head -c 3000000 >&2; printf 'the \\033[2Jreason' >&2; exit 1\n")
    delivers_and_owes(host, hook, "the \\\\x1b[2Jreason")


def test_a_hook_that_forks_away_has_done_its_work(host, hook, tmp_path):
    """What it leaves behind holds its output, and floods it."""
    hook.order.write_text(f"yes & echo $! > {tmp_path}/left; exit 0\n")
    try:
        host.once().succeeded().within_limits(seconds=15)
        assert hook.calls() == 1 and host.has_pair("one")
    finally:
        os.kill(int((tmp_path / "left").read_text()), 9)
