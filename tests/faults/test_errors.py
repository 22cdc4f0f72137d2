# SPDX-License-Identifier: Apache-2.0
"""An error at every call that changes a file: what was there stays byte for byte, it is said, and the status is not 0;
or it went well all the same, and everything is new. A failed fsync is a failure.

There is a point of no return: once the first file of several has its new contents, the next run completes the others.
"""
import errno
import os

import pytest

from certificates import pair_matches
from faults import HALF_A_WRITE, EveryCall, for_each, with_fault
from layouts import LAYOUTS, REPLACING, TendedProxy, certificate, finish, rekeying, renewed, root, token
from program import BINARIES, contents, environment

ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES", "EINTR")}
ERRORS["half a write"] = HALF_A_WRITE

# Each call gets every error, or, of everleafd, one or two of them: the way from there is the same.
EVERY = os.environ.get("EVERLEAF_TEST_EVERY_ERROR") == "1"

each_error = pytest.mark.parametrize("error", ERRORS)


def is_past_return(struck, files):
    """The rename of the only file; of the promise, then of the first of several."""
    return struck.calls[: struck.at - 1].count("rename") >= (1 if files == 1 else 2)


def check_end(struck, error, is_old, is_new, files):
    if struck.result.status == 0:
        assert struck.call != "fsync" or error == "EINTR", f"a failed fsync is a failure: {struck}"
        assert is_new(), str(struck)
        return
    struck.result.failed()
    assert is_old() or is_past_return(struck, files), str(struck)


@each_error
@pytest.mark.parametrize("command", REPLACING, ids=lambda command: command.__name__)
def test_a_replacement(lying_ca, old_pair, tmp_path, count, command, error):
    old = contents(old_pair)
    files = 1 if command.__name__ == "renew" else 2

    def check(struck, place):
        check_end(struck, error, lambda: contents(place) == old, lambda: renewed(place, old), files)
        is_past = is_past_return(struck, files)
        finish(lying_ca, place).succeeded()
        assert renewed(place, old) or (not is_past and contents(place) == old), str(struck)

    count(EveryCall(tmp_path, lambda place: command(lying_ca, place), old_pair).strike(ERRORS[error], check))


@each_error
def test_a_first_certificate(lying_ca, tmp_path, count, error):
    def check(struck, place):
        check_end(struck, error, lambda: contents(place) == {}, lambda: renewed(place, {}), 2)
        everything.run(place).result.succeeded()
        assert renewed(place, {}), str(struck)

    everything = EveryCall(tmp_path, lambda place: certificate(lying_ca, place))
    count(everything.strike(ERRORS[error], check))


@each_error
@pytest.mark.parametrize("command", [root, token], ids=lambda command: command.__name__)
def test_a_single_file(lying_ca, tmp_path, count, command, error):
    before = tmp_path / "before"
    before.mkdir()
    (before / "out").write_text("old\n")
    old = contents(before)

    def is_new(place):
        return sorted(contents(place)) == ["out"] and contents(place) != old

    def check(struck, place):
        check_end(struck, error, lambda: contents(place) == old, lambda: is_new(place), 1)
        everything.run(place).result.succeeded()
        assert is_new(place), str(struck)

    everything = EveryCall(tmp_path, lambda place: command(lying_ca, place), before)
    count(everything.strike(ERRORS[error], check))


@each_error
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_everleafd(lying_ca, tmp_path, count, layout, error):
    """One pass over everything, with the hook that it starts. Its own memory may grow; what proxies read is old or new."""
    def strike(at):
        one = TendedProxy(tmp_path / f"error-{at}", lying_ca, layout)
        once = [BINARIES / "everleafd", "--config", one.daemon.config, "--once"]
        old = contents(one.place)
        struck = with_fault(at, ERRORS[error], once, one.daemon.directory, environment(one.daemon.directory))
        return one, old, struck

    def check(at):
        one, old, struck = strike(at)
        said = [line for line in struck.result.stderr.splitlines() if "level=warning" in line or "level=error" in line]
        if struck.result.status == 0:
            assert struck.call != "fsync" or error == "EINTR" or said, f"a failed fsync is a failure: {struck}"
            one.check_finished(str(struck))
        else:
            assert struck.result.status == 1 and (said or "everleafd: error: " in struck.result.stderr), str(struck)
            check_what_is_left(one, old, struck)
        one.daemon.once().succeeded()
        one.check_finished(str(struck))
        assert one.hook.calls() in (1, 2), str(struck)
        return bool(struck.call)

    def check_what_is_left(one, old, struck):
        assert contents(one.place) == old or one.is_new(), str(struck)
        if layout is rekeying:  # a live directory is of one generation at every moment
            assert pair_matches(*one.pair), str(struck)
        if one.is_new() and one.hook.calls() == 0:
            assert one.owed(), str(struck)

    one, _, whole = strike(0)
    one.check_finished(str(whole))
    calls = range(1, len(whole.calls) + 1)
    if error not in ("EINTR", "half a write") and not EVERY:
        calls = [at for at in calls if (at + ERRORS[error]) % 3 == 0]
    struck = for_each(check, calls)
    assert error == "half a write" or all(struck)
    count(sum(struck))
