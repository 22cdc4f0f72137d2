# SPDX-License-Identifier: Apache-2.0
"""Programs that run while the demonstration does, and end with it."""
import ctypes
import os
import signal
import subprocess
import time

from show import Failure

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    """In the child: the kernel ends it when we are gone, even if we were killed and could not end it ourselves."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    """A stack: what was started last is ended first. Each is ended by its own number, never by a name."""

    def __init__(self, outlive_us):
        self.outlive_us = outlive_us
        self.in_child = None if outlive_us else die_with_parent
        self.running = []

    def start(self, name, arguments, log, **options):
        with open(log, "ab") as output:
            child = subprocess.Popen(list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     start_new_session=True, preexec_fn=self.in_child, **options)
        self.running.append((name, child, log))
        return child

    def adopt(self, name, child, log):
        """A process that somebody else started, to be watched and ended like ours."""
        self.running.append((name, child, log))

    def forget(self, child):
        self.running = [entry for entry in self.running if entry[1] is not child]

    def leave(self):
        """They go on without us."""
        self.running = []

    def numbers(self):
        return [child.pid for _, child, _ in self.running]

    def check_alive(self):
        for name, child, log in self.running:
            if child.poll() is not None:
                raise Failure(f"{name} ended with status {child.returncode}", log)

    def end(self):
        while self.running:
            _, child, _ = self.running.pop()
            end(child)


def end(child, patience=5):
    """SIGTERM; where that is not heard in time, SIGKILL for all of its process group."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def await_true(happened, seconds, what, log, meanwhile=lambda: None):
    """Waits for what can only be looked at, and returns it; `meanwhile` may throw."""
    deadline = time.monotonic() + seconds
    while not (answer := happened()):
        meanwhile()
        if time.monotonic() > deadline:
            raise Failure(f"{what} did not happen within {seconds:.0f} s", log)
        time.sleep(0.05)
    return answer
