# SPDX-License-Identifier: Apache-2.0
"""Requests at a steady rate, each on a connection of its own, none of them retried."""
import http.client
import threading
import time
from collections import Counter

PER_SECOND = 25


def request(port):
    """The body of the answer. Throws whatever went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace").strip()
        if answer.status != 200:
            raise OSError(f"status {answer.status}: {body[:100]!r}")
        return body
    finally:
        connection.close()


class Traffic:
    """What it counts is written by its thread only; reading it meanwhile shows a moment that was."""

    def __init__(self, port):
        self.port = port
        self.answered = Counter()  # by the serial that the upstream was shown
        self.failures = []
        self.longest = 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    @property
    def sent(self):
        return sum(self.answered.copy().values()) + len(self.failures)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        due = time.monotonic()
        while not self.stopping.wait(max(0.0, due - time.monotonic())):
            self.send()
            due = max(due + 1 / PER_SECOND, time.monotonic() - 1)  # after a hold-up, at most a second is made up for

    def send(self):
        started = time.time()
        try:
            self.answered[int(request(self.port), 16)] += 1
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.failures.append((started, f"{type(problem).__name__}: {problem}"))
        self.longest = max(self.longest, time.time() - started)
