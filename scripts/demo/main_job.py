#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""everleaf's main job on real parts: a proxy nginx whose client certificate is renewed under load. See --help."""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))

import nginx
from generations import Generations
from jose import Provisioner
from processes import Processes, await_true
from program import BINARIES
from show import Failure, clock, heading, progress, say, table, tail
from step_ca import RealCa, free_port
from traffic import PER_SECOND, Traffic, request

RENEWALS = 3
LIFETIME = 24  # seconds; everleafd renews after 12 to 16 of them

AGENT_CONFIGURATION = """\
[ca]
url = "{url}"
fingerprint = "{fingerprint}"

[paths]
state = "{directory}/everleaf"

[proxy.nginx]
reload = {{ signal = {{ pid-file = "{pid_file}", signal = "HUP" }} }}

[certificate.upstream]
subject = "myuser"
enroll = {{ provisioner = "admin", password-file = "{password_file}" }}
rekey = "always"
not-after = "{lifetime}s"
used-by = ["nginx"]
"""


class MinutesCa(RealCa):
    """Its certificates live for minutes where usual ones live for days."""

    def __init__(self, directory, outlive_us):
        self.ends_with_us = not outlive_us
        super().__init__(directory, [Provisioner("admin", password="correct horse")])

    def configuration(self):
        usual = super().configuration()
        usual["authority"]["claims"] |= {"defaultTLSCertDuration": "5m", "maxTLSCertDuration": "1h"}
        return usual


class Everleaf:
    """The command as a person types it: shown with what it says."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "STEPPATH": str(directory / "step")}

    def __call__(self, *arguments):
        words = list(map(str, arguments))
        say("  $ everleaf " + " ".join(word.replace(f"{self.directory}/", "") for word in words))
        done = subprocess.run([BINARIES / "everleaf", *words], cwd=self.directory, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        for line in done.stdout.splitlines():
            say(f"    {line}")
        if done.returncode != 0:
            raise Failure(f"everleaf ended with status {done.returncode}")


class Demonstration:
    def __init__(self, directory, processes):
        self.directory, self.processes = directory, processes
        self.everleaf = Everleaf(directory)
        self.live = directory / "everleaf" / "live" / "upstream"
        self.agent_log = directory / "everleafd.log"
        self.upstream = nginx.Nginx("the upstream nginx", directory / "upstream", nginx.UPSTREAM, processes)
        self.proxy = nginx.Nginx("the proxy nginx", directory / "proxy", nginx.PROXY, processes)
        self.ca = None
        self.first_serial = None
        self.generations = Generations(self.live, self.upstream.directory / "seen.log")

    def run(self):
        self.start_ca()
        self.get_first_certificate()
        self.start_upstream()
        self.start_proxy()
        with Traffic(self.proxy.port) as traffic:
            self.start_agent()
            self.move_proxy_to_live_paths()
            self.watch_renewals(traffic)
        self.show_result(traffic)

    def start_ca(self):
        heading(f"1. A step-ca with a JWK provisioner: {os.environ['EVERLEAF_TEST_STEP_CA']}")
        self.ca = MinutesCa(self.directory / "ca", self.processes.outlive_us)
        self.processes.adopt("step-ca", self.ca.process, self.directory / "ca" / "ca.log")
        say(f"  {self.ca.url}, root {self.ca.fingerprint}")

    def get_first_certificate(self):
        heading("2. The first certificate, as on Smallstep's page for nginx")
        self.everleaf("ca", "bootstrap", "--ca-url", self.ca.url, "--fingerprint", self.ca.fingerprint)
        self.everleaf("ca", "root", "ca.crt")
        self.everleaf("ca", "certificate", "myuser", "client.crt", "client.key", *self.credential())

    def credential(self):
        return "--provisioner", "admin", "--provisioner-password-file", self.ca.password_file()

    def start_upstream(self):
        heading("3. An upstream nginx that requires client certificates from that CA")
        self.everleaf("ca", "certificate", "backend.internal", "upstream.crt", "upstream.key", "--not-after", "1h",
                      *self.credential())
        self.upstream.start(free_port, certificate=self.directory / "upstream.crt", key=self.directory / "upstream.key",
                            root=self.directory / "ca.crt")
        say(f"  https://backend.internal is 127.0.0.1:{self.upstream.port}")

    def start_proxy(self):
        heading("4. The reverse proxy nginx with that page's directives")
        self.proxy.start(free_port, **self.proxy_paths(self.directory, "client"))
        try:
            self.first_serial = int(request(self.proxy.port), 16)
        except OSError as problem:
            raise Failure(f"the first request failed: {problem}", self.proxy.log) from problem
        say(f"  first request through http://127.0.0.1:{self.proxy.port}: the upstream saw {self.first_serial:032x}")

    def proxy_paths(self, directory, name):
        root = directory / "ca.crt"
        return {"certificate": directory / f"{name}.crt", "key": directory / f"{name}.key", "root": root,
                "upstream_port": self.upstream.port}

    def start_agent(self):
        heading(f"5. everleafd manages the certificate: {LIFETIME} s each, {RENEWALS} renewals, a new key every time")
        configuration = self.directory / "everleaf.toml"
        configuration.write_text(AGENT_CONFIGURATION.format(
            url=self.ca.url, fingerprint=self.ca.fingerprint, directory=self.directory, lifetime=LIFETIME,
            pid_file=self.proxy.directory / "nginx.pid", password_file=self.ca.password_file()))
        self.processes.start("everleafd", [BINARIES / "everleafd", "--config", configuration], self.agent_log)
        first = await_true(self.generations.look_at_live, 20, "the first delivery", self.agent_log,
                           self.processes.check_alive)
        self.tell(first)

    def move_proxy_to_live_paths(self):
        self.proxy.configure(**self.proxy_paths(self.live, "tls"))
        self.proxy.reload()

    def tell(self, events):
        for generation, event, moment in events:
            say(f"  {clock(moment)}  {generation.serial:032x} {event}")

    def watch_renewals(self, traffic):
        started = time.monotonic()

        def enough():
            self.tell(self.generations.look())
            done = len(self.generations.adopted())
            progress(f"  {time.monotonic() - started:3.0f} s: {traffic.sent} requests, {len(traffic.failures)} failed, "
                     f"{done} of {RENEWALS} renewals")
            return done >= RENEWALS and traffic.answered[self.generations.all[-1].serial] >= PER_SECOND

        await_true(enough, 2 * LIFETIME + (RENEWALS - 1) * LIFETIME, f"{RENEWALS} renewals with new keys",
                   self.agent_log, self.processes.check_alive)

    def show_result(self, traffic):
        heading("6. What the upstream saw")
        table(("serial", "key", "delivered", "first seen", "after", "requests"), self.rows(traffic))
        total, failed = traffic.sent, len(traffic.failures)
        say(f"\n  {total} requests, each on a new connection, none retried; the longest took {traffic.longest:.2f} s")
        for moment, problem in traffic.failures[:5]:
            say(f"  {clock(moment)}  {problem}")
        say(f"  {failed} failed requests")
        if failed:
            raise Failure(f"{failed} of {total} requests failed", self.proxy.log)

    def rows(self, traffic):
        yield f"{self.first_serial:032x}", "", "client.crt", "", "", str(traffic.answered[self.first_serial])
        keys = set()
        for generation in self.generations.all:
            kind = "new" if generation.public_key not in keys else "THE SAME"
            keys.add(generation.public_key)
            seen = generation.first_seen
            yield (f"{generation.serial:032x}", kind, clock(generation.delivered), clock(seen) if seen else "never",
                   f"{seen - generation.delivered:.1f} s" if seen else "", str(traffic.answered[generation.serial]))

    def say_how_to_look_around(self):
        numbers = " ".join(map(str, self.processes.numbers()))
        heading(f"All of it still runs, in {self.directory}:")
        say(f"  curl http://127.0.0.1:{self.proxy.port}/    # the serial that the upstream sees now")
        say(f"  tail -f {self.agent_log}")
        say(f"  {BINARIES}/everleaf certificate inspect --short {self.live}/tls.crt")
        say(f"  kill {numbers}; rm -r {self.directory}    # ends it")


def stop_on_signals():
    def stop(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def report(failure, directory):
    say(f"\nquickstart: error: {failure}")
    log = getattr(failure, "log", None)
    if log:
        say(f"quickstart: the end of {log}:\n{tail(Path(log))}")
    say(f"quickstart: hint: everything is kept in {directory}")


def demonstrate(directory, processes, keep):
    """Returns the exit status, and whether the directory is still needed."""
    try:
        demonstration = Demonstration(directory, processes)
        demonstration.run()
    except (Failure, AssertionError, OSError, subprocess.SubprocessError) as failure:
        report(failure, directory)
        return 1, True
    if keep:
        demonstration.say_how_to_look_around()
        processes.leave()
    return 0, keep


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    keep = parser.parse_args().keep

    stop_on_signals()
    directory = Path(tempfile.mkdtemp(prefix="everleaf-quickstart-"))
    directory.chmod(0o711)  # nginx's workers are another user
    processes = Processes(outlive_us=keep)
    directory_is_needed = False
    try:
        status, directory_is_needed = demonstrate(directory, processes, keep)
        return status
    finally:
        ignore_signals()
        processes.end()
        if not directory_is_needed:
            shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
