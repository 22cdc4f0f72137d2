# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every call that changes a file: the pair matches and is old or new, the next run goes on, nothing is left
lying about, and what was owed to a proxy is owed.

The CA is the test one, which signs whatever it is asked: what is tested here are files.
"""
import json
import os
import shutil
import signal

import pytest

from certificates import DAY, load, load_key, now, pair_matches
from daemon import Daemon, Hook, certificate as managed
from faults import KILL, WITH_FAULT, EveryCall, ended_by, for_each, read_report, with_fault
from haproxy import Haproxy
from layouts import LAYOUTS, PAIR, REPLACING, TendedProxy, certificate, finish, renew, renewed, root, token
from nginx import Nginx
from program import BINARIES, Program, contents, environment, wait_until
from renewal_daemon import RenewalDaemon


@pytest.mark.parametrize("command", REPLACING, ids=lambda command: command.__name__)
def test_a_replacement(lying_ca, old_pair, tmp_path, count, command):
    old = contents(old_pair)

    def check(struck, place):
        assert load(place / PAIR[0]) and load_key(place / PAIR[1]), str(struck)  # no single file is half written
        copy = shutil.copytree(place, place.with_name(f"{place.name}-again"))
        finish(lying_ca, place).succeeded()
        assert contents(place) == old or renewed(place, old), str(struck)
        shutil.rmtree(place)
        copy.rename(place)  # what was promised names these paths
        everything.run(place).result.succeeded()
        assert renewed(place, old), str(struck)

    everything = EveryCall(tmp_path, lambda place: command(lying_ca, place), old_pair)
    count(everything.strike(KILL, ended_by(signal.SIGKILL, check)))


def test_a_first_certificate(lying_ca, tmp_path, count):
    def check(struck, place):
        everything.run(place).result.succeeded()
        assert renewed(place, {}), str(struck)

    everything = EveryCall(tmp_path, lambda place: certificate(lying_ca, place))
    count(everything.strike(KILL, ended_by(signal.SIGKILL, check)))


def test_a_renewal_whose_key_comes_by_a_pipe_puts_in_order_what_one_left(lying_ca, old_pair, tmp_path, count):
    old = (old_pair / PAIR[0]).read_text()

    def with_leaf(place):
        return [*renew(lying_ca, place), "--out-leaf", place / "leaf.crt"]

    def check(struck, place):
        words = [str(word).replace(str(place / PAIR[1]), "-") for word in with_leaf(place)[1:]]
        Program(place)(*words, "--expires-in", "1s", stdin=(place / PAIR[1]).read_text()).succeeded()
        chain, leaf = place / PAIR[0], place / "leaf.crt"
        assert chain.read_text().startswith(leaf.read_text()) if leaf.exists() else chain.read_text() == old, str(struck)
        assert set(contents(place)) <= {*PAIR, "leaf.crt"}, str(struck)

    everything = EveryCall(tmp_path, with_leaf, old_pair)
    count(everything.strike(KILL, ended_by(signal.SIGKILL, check)))


@pytest.mark.parametrize("command", [root, token], ids=lambda command: command.__name__)
def test_a_single_file(lying_ca, tmp_path, count, command):
    before = tmp_path / "before"
    before.mkdir()
    (before / "out").write_text("old\n")

    def check(struck, place):
        text = (place / "out").read_text()
        assert text == "old\n" or text == lying_ca.trusted.root.pem or text.count(".") == 2, str(struck)
        everything.run(place).result.succeeded()
        assert sorted(contents(place)) == ["out"], str(struck)

    everything = EveryCall(tmp_path, lambda place: command(lying_ca, place), before)
    count(everything.strike(KILL, ended_by(signal.SIGKILL, check)))


@pytest.mark.parametrize("prepare", LAYOUTS, ids=lambda prepare: prepare.__name__)
def test_everleafd(lying_ca, tmp_path, count, prepare):
    """The daemon with its threads and the hook that it starts, from its start until the proxy has taken up the new pair."""
    def run(at):
        one = TendedProxy(tmp_path / f"kill-{at}", lying_ca, prepare)
        report = one.daemon.directory / "report"
        one.daemon.start(WITH_FAULT, report, at, KILL)
        wait_until(lambda: one.daemon.process.poll() is not None or one.is_done(), what=f"kill {at}")
        one.daemon.process.terminate()  # after a kill it is for nobody
        assert one.daemon.process.wait(10) in (0, -9), one.daemon.log()
        return one, *read_report(report)

    def check(at):
        one, call, calls = run(at)
        where = f"{call}, number {at} of {calls}"
        if prepare.__name__ == "rekeying":  # a live directory is of one generation at every moment
            assert pair_matches(*one.pair), where
        if one.is_new() and one.hook.calls() == 0:
            assert one.owed(), where
        one.daemon.once().succeeded()
        one.check_finished(where)
        assert one.hook.calls() in (1, 2), where
        return bool(call)

    one, call, calls = run(0)
    one.check_finished(" ".join(calls))
    struck = for_each(check, range(1, len(calls) + 1), at_once=8)
    assert sum(struck) >= len(calls) - 2, calls  # threads may do in one step what took them two before
    count(sum(struck))


def nginx_and_its_reload(directory, everleafd):
    nginx = Nginx(directory / "nginx")
    files = everleafd.live / "one"
    nginx.configure(f"server {{ listen 127.0.0.1:PORT:tls ssl; ssl_certificate {files}/tls.crt; "
                    f"ssl_certificate_key {files}/tls.key; }}")
    return nginx.start, lambda: nginx.served("tls"), nginx.stop, f'signal = {{ pid-file = "{nginx.pid_file}" }}'


def haproxy_and_its_reload(directory, everleafd):
    haproxy = Haproxy()
    config = f"frontend f\n  bind 127.0.0.1:{{0}} ssl crt {everleafd.live}/one/tls.pem\n  http-request return status 200"
    return lambda: haproxy.start(config), haproxy.served, haproxy.remove, f'haproxy = {{ socket = "{haproxy.socket}" }}'


@pytest.mark.parametrize("make", [nginx_and_its_reload, haproxy_and_its_reload], ids=["nginx", "haproxy"])
def test_everleafd_with_a_proxy(lying_ca, tmp_path, count, make):
    """After the next run it serves what is live, which is new, and owes nothing."""
    everleafd = Daemon(tmp_path / "daemon", lying_ca, root=True)
    start, served, stop, reload = make(tmp_path, everleafd)
    everleafd.configure(f"[proxy.p]\nreload = {{ {reload} }}\n", managed("one", used_by=["p"]))
    old = lying_ca.leaf(not_before=now() - 0.75 * DAY)
    everleafd.place("one", old)
    (everleafd.live / "one" / "tls.pem").write_text(old.chain_pem + old.key_pem)
    before = shutil.copytree(everleafd.base, tmp_path / "before")
    once = [BINARIES / "everleafd", "--config", everleafd.config, "--once"]

    def killed_at(at):
        shutil.rmtree(everleafd.base)
        shutil.copytree(before, everleafd.base)
        return with_fault(at, KILL, once, everleafd.directory, environment(everleafd.directory))

    start()
    try:
        whole = killed_at(0)
        whole.result.succeeded()
        struck = 0
        for at in range(1, len(whole.calls) + 1):
            one = killed_at(at)
            struck += bool(one.call)
            assert pair_matches(everleafd.crt("one"), everleafd.live / "one" / "tls.key"), str(one)
            everleafd.once().succeeded()
            assert everleafd.serial("one") != old.certificate.serial_number, str(one)
            wait_until(lambda: served() == everleafd.serial("one"), what=f"it is served after {one}")
            assert json.loads((everleafd.state / "proxy.p.json").read_text())["owed"] == [], str(one)
        assert struck >= len(whole.calls) - 2, str(whole)
        count(struck)
    finally:
        stop()


@pytest.mark.parametrize("command", ["renew", "rekey"])
def test_a_daemon_of_one_certificate(lying_ca, tmp_path, count, command):
    """From its start until its hook knows of the new pair: what was written, the hook hears of, if need be after a restart."""
    def run(at):
        place = tmp_path / f"kill-{at}"
        (place / "work").mkdir(parents=True)
        old = lying_ca.leaf(not_before=now() - 0.75 * DAY).save(place / "work" / PAIR[0], place / "work" / PAIR[1])
        hook, report = Hook(place), place / "report"
        one = RenewalDaemon(place / "work", command, lying_ca, "--exec", hook.script, before=[WITH_FAULT, report, at, KILL])
        is_done = lambda: hook.calls() and sorted(os.listdir(place / "work")) == PAIR  # files come and go
        wait_until(lambda: one.process.poll() is not None or is_done(), what=f"kill {at}")
        one.process.terminate()
        assert one.process.wait(10) in (0, -9), one.log()
        return place, hook, old, one, is_done, *read_report(report)

    def check(at):
        place, hook, old, one, is_done, call, calls = run(at)
        where = f"{call}, number {at} of {calls}\n{one.log()}"
        begun = one.log().count("first renewal")
        again = RenewalDaemon(place / "work", command, lying_ca, "--exec", hook.script)
        again.wait(lambda: is_done() and again.log().count("first renewal") > begun, what=where)
        again.terminate()
        assert pair_matches(*(place / "work" / name for name in PAIR)), where
        assert load(place / "work" / PAIR[0]).serial_number != old.certificate.serial_number, where
        assert hook.calls() in (1, 2), where
        return bool(call)

    *_, call, calls = run(0)
    struck = for_each(check, range(1, len(calls) + 1), at_once=8)
    assert sum(struck) >= len(calls) - 2, calls
    count(sum(struck))
