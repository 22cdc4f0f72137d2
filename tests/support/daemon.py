# SPDX-License-Identifier: Apache-2.0
"""everleafd in a directory of its own."""
import json
import signal
import subprocess
import time
from pathlib import Path

from certificates import load, pair_matches
from program import BINARIES, PATIENCE, Program, die_with_parent, environment, wait_until

LIVE_FILES = ["ca.crt", "tls.crt", "tls.key", "tls.pem"]


class Daemon:
    def __init__(self, directory, ca, *blocks, root=False):
        self.directory = Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.config = self.directory / "everleaf.toml"
        self.base = self.directory / "var"
        self.base.mkdir(exist_ok=True)
        self.state, self.live = self.base / "state", self.base / "live"
        self.ca, self.root = ca, root
        self.process = None
        self.log_file = self.directory / "log"
        self.configure(*blocks)

    def configure(self, *blocks):
        trust = f'root = "{self.ca.root_file}"' if self.root else f'fingerprint = "{self.ca.fingerprint}"'
        head = f'[ca]\nurl = "{self.ca.url}"\n{trust}\n\n[paths]\nstate = "{self.base}"\n'
        self.write("\n".join([head, *blocks]))

    def write(self, text):
        self.config.write_text(text)
        self.config.chmod(0o600)

    def place(self, name, pair):
        """Puts a pair, and what belongs beside it, where a certificate's live files are."""
        directory = self.live / name
        directory.mkdir(parents=True)
        pair.save(directory / "tls.crt", directory / "tls.key")
        (directory / "tls.pem").touch(mode=0o600)
        (directory / "tls.pem").write_text(pair.chain_pem + pair.key_pem)
        (directory / "ca.crt").write_text(Path(self.ca.root_file).read_text())
        return self

    def crt(self, name):
        return self.live / name / "tls.crt"

    def serial(self, name):
        """That of the pair that is live, which always has to match."""
        path = self.crt(name)
        if not path.exists():
            return None
        return load(path).serial_number

    def owed(self, proxy):
        """What the proxy has not taken up, as the state has it."""
        return json.loads((self.state / f"proxy.{proxy}.json").read_text())["owed"]

    def has_pair(self, name):
        return self.crt(name).exists() and pair_matches(self.crt(name), self.live / name / "tls.key")

    def start(self, *before):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*map(str, before), BINARIES / "everleafd", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment(self.directory), cwd=self.directory, start_new_session=True,
                preexec_fn=die_with_parent)
        return self

    def once(self, *arguments, **variables):
        """Does what is due, then ends."""
        return self("--config", self.config, "--once", *arguments, **variables)

    def __call__(self, *arguments, **variables):
        return Program(self.directory, "everleafd")(*arguments, **variables)

    def log(self):
        return self.log_file.read_text(errors="backslashreplace") if self.log_file.exists() else ""

    def last_words(self):
        """For a failed test: what a sanitizer found, or the end of the log."""
        log = self.log()
        report = log.find("WARNING: ThreadSanitizer")
        return log[-3000:] if report < 0 else log[report:report + 8000]

    def wait(self, happened, seconds=20, what=None):
        def look():
            assert self.process.poll() is None, f"everleafd ended with {self.process.returncode}: {self.last_words()}"
            return happened()
        try:
            return wait_until(look, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def wait_for_log(self, text, seconds=20):
        self.wait(lambda: text in self.log(), seconds, f"the log says {text!r}")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def terminate(self):
        """Asks it to stop; it must, in two seconds and well."""
        started = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it does not stop: {self.last_words()}") from None
        self.process = None
        assert status == 0, f"ended with {status}: {self.last_words()}"
        assert time.monotonic() - started < 2 * PATIENCE

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def certificate(name, *keys, subject="myuser", used_by=None):
    used = [f"used-by = {list(used_by)}".replace("'", '"')] if used_by else []
    return "\n".join([f"[certificate.{name}]", f'subject = "{subject}"', *used, *keys, ""])


def proxy(name, *argv):
    return f"[proxy.{name}]\nreload = {{ exec = {list(map(str, argv))} }}\n".replace("'", '"')


class Hook:
    """A program that notes each call, and then does as it is told."""

    def __init__(self, directory):
        self.script, self.calls_file, self.order = directory / "hook", directory / "calls", directory / "order"
        self.script.write_text(f'#!/bin/sh\nset -e\necho "$@" >> {self.calls_file}\n. {self.order}\n')
        self.script.chmod(0o700)
        self.succeed()

    def proxy(self, name, time_limit="30s"):
        return f'[proxy.{name}]\nreload = {{ exec = ["{self.script}"], time-limit = "{time_limit}" }}\n'

    def succeed(self):
        self.order.write_text("exit 0\n")

    def fail(self):
        self.order.write_text("echo no such luck >&2\nexit 1\n")

    def hang(self):
        self.order.write_text("exec sleep 1000\n")

    def calls(self):
        return len(self.calls_file.read_text().splitlines()) if self.calls_file.exists() else 0
