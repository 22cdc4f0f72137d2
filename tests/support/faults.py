# SPDX-License-Identifier: Apache-2.0
"""A program with a fault at one of its system calls that change files: killed or told to end there, or the call fails."""
import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from program import BINARIES, Result, environment, run

KILL, HALF_A_WRITE, TERMINATE = 0, -1, -2  # instead of a number of errno
WITH_FAULT = BINARIES / "tests" / "with_fault"
AT_ONCE = 3  # most of a run is waiting: for the CA, for another core


@dataclass
class Struck:
    at: int
    call: str  # where the fault struck; "" if nowhere
    calls: list  # all there were
    result: Result

    def __str__(self):
        return f"{self.call or 'nothing'}, number {self.at} of {' '.join(self.calls)}: {self.result}"


def with_fault(at, error, arguments, directory, variables):
    report = directory / f".report-{threading.get_ident()}"
    result = run([WITH_FAULT, report, at, error, *arguments], directory, variables)
    result.arguments = list(map(str, arguments))
    return Struck(at, *read_report(report), result)


def read_report(report):
    call, calls = report.read_text().splitlines()
    report.unlink()
    return call, calls.split()


def for_each(work, numbers, at_once=AT_ONCE):
    """work(number) for each, several at a time; the first failure is raised."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, numbers))


def ended_by(number, check):
    """For strike(): the signal ended it, and then what `check` says."""
    def checked(struck, place):
        assert struck.result.status == -number, str(struck)
        check(struck, place)
    return checked


class EveryCall:
    """Runs `command(place)` again and again, each time in a fresh copy of `before` and with a fault at another call."""

    def __init__(self, directory, command, before=None):
        self.directory, self.command, self.before = directory, command, before
        self.copies = itertools.count()

    def fresh(self):
        place = self.directory / f"copy-{next(self.copies)}"
        if self.before:
            return shutil.copytree(self.before, place)
        place.mkdir()
        return place

    def run(self, place, at=0, error=KILL):
        return with_fault(at, error, self.command(place), self.directory, environment(self.directory))

    def strike(self, error, check):
        """check(what struck, place) after each; returns how many there were."""
        whole = self.run(self.fresh())
        whole.result.succeeded()

        def one(at):
            place = self.fresh()
            struck = self.run(place, at, error)
            if struck.call:
                check(struck, place)
            else:
                struck.result.succeeded()
            shutil.rmtree(place)
            return bool(struck.call)

        # One more than there are: nothing may be left out.
        struck = for_each(one, range(1, len(whole.calls) + 2))
        assert error == HALF_A_WRITE or sum(struck) == len(whole.calls), str(whole)
        return sum(struck)
