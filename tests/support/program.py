# SPDX-License-Identifier: Apache-2.0
"""Runs the program as a user without a terminal would, and says what it did, how long it took and how large it was."""
import ctypes
import os
import pty
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("EVERLEAF_BIN", REPOSITORY / "build" / "release")).resolve()
MEASURE = BINARIES / "tests" / "measure"
SANITIZED = os.environ.get("EVERLEAF_TEST_SANITIZED") == "1"
PATIENCE = 4 if SANITIZED else 1  # what sanitizers slow down gets so many times the seconds


def environment(home, **more):
    """Nothing of the caller's but where programs are: no STEP_*, no proxy, no HOME."""
    kept = {name: value for name, value in os.environ.items() if name in ("TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
    return {**kept, "HOME": str(home), "PATH": f"{BINARIES}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", **more}


@dataclass
class Result:
    arguments: list
    status: int
    stdout: str
    stderr: str
    seconds: float
    peak_mib: float

    def __str__(self):
        shown = "\n".join(line[:500] for line in self.stderr.splitlines()[:20])
        words = " ".join(map(str, self.arguments)).encode(errors="backslashreplace").decode()
        return (f"{words}\nended with {self.status} after {self.seconds:.1f} s"
                f"\nstdout: {self.stdout[:1000]!r}\nstderr: {shown}")

    def succeeded(self):
        assert self.status == 0, str(self)
        return self

    def failed(self, *words, status=1):
        """Refused as promised: the status, one error line and perhaps one hint, fit for a terminal, naming `words`."""
        assert self.status == status, str(self)
        lines = [line for line in self.stderr.splitlines() if not line.startswith("\u2714 ")]
        name = Path(self.arguments[0]).name
        assert lines and lines[0].startswith(f"{name}: error: "), str(self)
        assert [line.startswith(f"{name}: hint: ") for line in lines[1:]] in ([], [True]), str(self)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", self.stderr), f"control characters: {self.stderr!r}"
        assert max(map(len, lines)) < 2000, str(self)
        for word in words:
            assert str(word).lower() in self.stderr.lower(), f"{word!r} is not said by\n{self}"
        return self

    def within_limits(self, seconds=30, mib=32):
        assert self.seconds <= seconds * PATIENCE, str(self)
        assert SANITIZED or self.peak_mib <= mib, f"{self.peak_mib:.1f} MiB: {self}"
        return self


class Program:
    """`everleaf` in a directory of its own: program("ca", "health", …) runs it there."""

    def __init__(self, directory, name="everleaf", **variables):
        self.directory, self.name = Path(directory), name
        self.environment = environment(directory, **variables)

    def __call__(self, *arguments, stdin=None, limit=60, **variables):
        return run([BINARIES / self.name, *arguments], self.directory, {**self.environment, **variables}, stdin, limit)

    def at_a_terminal(self, arguments, *answers, limit=30, meanwhile=None):
        """With a terminal of its own, at which each of `answers` is typed when it asks; its status and all that was shown.
        `meanwhile` happens when it first asks."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.directory)
            os.execve(BINARIES / self.name, [self.name, *map(str, arguments)], self.environment)
        signal_at_limit = threading.Timer(limit, os.kill, (child, signal.SIGKILL))
        signal_at_limit.start()
        try:
            shown = b""
            for answer in answers:
                while not shown.endswith(b": ") and (more := read_terminal(terminal)):
                    shown += more
                if meanwhile and answer is answers[0]:
                    meanwhile()
                os.write(terminal, f"{answer}\n".encode())
                shown += read_terminal(terminal)
            shown = (shown + b"".join(iter(lambda: read_terminal(terminal), b""))).decode()
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown
        finally:
            signal_at_limit.cancel()
            os.close(terminal)


def read_terminal(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: nobody has it open any more
        return b""


def die_with_parent():
    """For children that run on: not even a killed pytest leaves them behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def run(arguments, directory, variables, stdin=None, limit=60):
    arguments = list(map(str, arguments))
    reading, writing = os.pipe()
    started = time.monotonic()
    child = subprocess.Popen(
        [MEASURE, str(writing), *arguments], cwd=directory, env=variables, pass_fds=[writing],
        start_new_session=True,  # so that there is no /dev/tty to ask at
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(writing)
    try:
        stdout, stderr = child.communicate(stdin.encode() if isinstance(stdin, str) else stdin, timeout=limit)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        stdout, stderr = child.communicate()
        print(stderr.decode(errors="backslashreplace")[-3000:])
        raise
    finally:
        with os.fdopen(reading) as measured:
            numbers = measured.read().split()
    status, peak_kib = map(int, numbers or (child.returncode, 0))
    return Result(arguments, status, stdout.decode(errors="backslashreplace"), stderr.decode(errors="backslashreplace"),
                  time.monotonic() - started, peak_kib / 1024)


def wait_until(happened, seconds=20, what=None):
    """Waits for an event that can only be looked at, not awaited; returns what `happened()` said."""
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or happened}"
        time.sleep(0.01)
    return answer


def contents(directory):
    """Every path below with its bytes, mode and link target: equal before and after means nothing was touched."""
    def look(path):
        if path.is_symlink():
            return os.readlink(path)
        return (path.stat().st_mode, path.read_bytes() if path.is_file() else None)

    return {str(path.relative_to(directory)): look(path) for path in sorted(Path(directory).rglob("*"))}
