# SPDX-License-Identifier: Apache-2.0
"""Times `everleaf` beside curl and step, interleaved in one run, and looks at an idle everleafd. Prints a table.

Usage: scripts/bench [--runs N] [--idle SECONDS]
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import Daemon  # noqa: E402
from program import BINARIES, MEASURE, environment, wait_until  # noqa: E402
from step_ca import RealCa  # noqa: E402


class Contestant:
    def __init__(self, name, *arguments, statuses=(0,)):
        self.name, self.statuses = name, statuses
        self.arguments = [shutil.which(arguments[0]) or "", *map(str, arguments[1:])]  # by its path, as execv wants it
        self.seconds, self.peaks = [], []

    def run(self, directory):
        """Memory by an extra run through a small process; the time is that of the bare command."""
        started = time.perf_counter()
        status = subprocess.call(self.arguments, cwd=directory, env=environment(directory), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.seconds.append(time.perf_counter() - started)
        assert status in self.statuses, f"{' '.join(self.arguments)} ended with {status}"

    def measure_peak(self, directory):
        reading, writing = os.pipe()
        subprocess.run([MEASURE, str(writing), *self.arguments], pass_fds=[writing], cwd=directory,
                       env=environment(directory), stdin=subprocess.DEVNULL, capture_output=True, check=True)
        os.close(writing)
        with os.fdopen(reading) as measured:
            self.peaks.append(int(measured.read().split()[1]) / 1024)


def compare(title, contestants, directory, runs):
    contestants = [one for one in contestants if one.arguments[0]]
    for _ in range(runs):
        for one in contestants:
            one.run(directory)
    for one in contestants:
        for _ in range(3):
            one.measure_peak(directory)
    ours = statistics.median(contestants[0].seconds)
    print(f"\n{title} ({runs} runs each, interleaved)")
    print(f"  {'':34} {'median':>9} {'fastest':>9} {'ours/its':>9} {'peak RSS':>10}")
    for one in contestants:
        median = statistics.median(one.seconds)
        print(f"  {one.name:34} {median * 1000:6.1f} ms {min(one.seconds) * 1000:6.1f} ms {ours / median:8.2f}x"
              f" {statistics.median(one.peaks):6.1f} MiB")


def renewals(everleaf, step, ca, directory, runs):
    subprocess.run([everleaf, "ca", "certificate", "bench.internal", "b.crt", "b.key", *map(str, ca.trust()),
                    *map(str, ca.credential())], cwd=directory, env=environment(directory), check=True, capture_output=True)
    trust = ["--ca-url", ca.url, "--root", ca.root_file]
    compare("Renew over mTLS against the same step-ca", [
        Contestant("everleaf ca renew", everleaf, "ca", "renew", "--force", *trust, "--out", "ours.crt", "b.crt", "b.key"),
        Contestant("curl, the same POST", "curl", "-sf", "-X", "POST", "--cacert", ca.root_file, "--cert", "b.crt",
                   "--key", "b.key", "-o", "curl.json", f"{ca.url}/renew"),
        Contestant("step ca renew", step, "ca", "renew", "--force", *trust, "--out", "step.crt", "b.crt", "b.key"),
    ], directory, runs)


LOCAL = """
certificate inspect b.crt
certificate inspect --short b.crt
certificate inspect --format json b.crt
certificate fingerprint b.crt
certificate verify --roots root.crt b.crt
certificate needs-renewal b.crt
certificate key b.crt
certificate format b.crt
certificate format --force --out b.der b.crt
certificate bundle --force b.crt root.crt bundle.crt
certificate p12 --force --password-file password b.p12 b.crt b.key
certificate create --csr --force --password-file password bench.internal b.csr new.key
context list
context current
path
version
"""


def local_commands(everleaf, step, ca, directory, runs):
    """What needs no CA, after a bootstrap. What is written goes to the disk, and where a sync costs nothing."""
    if not step:
        return
    (directory / "password").write_text("secret\n")
    shutil.copy(ca.root_file, directory / "root.crt")
    subprocess.run([everleaf, "ca", "bootstrap", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--context", "bench"],
                   cwd=directory, env=environment(directory), check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="everleaf-bench-", dir="/dev/shm") as memory:
        shutil.copytree(directory, memory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("ca"))
        print(f"\nLocal commands ({runs} runs each, interleaved; medians)\n  {'':58} {'everleaf':>9} {'step':>9} {'ratio':>6}")
        for line in LOCAL.split("\n")[1:-1]:
            compare_with_step(everleaf, step, line, directory, runs)
            if "--force" in line:
                compare_with_step(everleaf, step, line, Path(memory), runs, ", in memory")


def compare_with_step(everleaf, step, line, directory, runs, where=""):
    words = line.split()
    both = [Contestant(program, program, *words, statuses=(0, 1)) for program in (everleaf, step)]
    for _ in range(runs):
        for one in both:
            one.run(directory)
    ours, its = (statistics.median(one.seconds) * 1000 for one in both)
    options = [word for word in words if word not in ("--force", "--password-file", "password", "bench.internal")]
    print(f"  {' '.join(options) + where:58} {ours:6.1f} ms {its:6.1f} ms {ours / its:6.2f}")


def status_of(process):
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.split()[0] for name, value in (line.split(":", 1) for line in lines) if value.split()}


def wakeups(process):
    """Voluntary context switches of all threads: each wake-up of an idle thread is one."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def idle_daemon(ca, directory, seconds):
    certificate = (f'[certificate.one]\nsubject = "one.internal"\n'
                   f'enroll = {{ provisioner = "admin", password-file = "{ca.password_file()}" }}\n')
    daemon = Daemon(directory / "daemon", ca, certificate).start()
    try:
        wait_until(lambda: "event=waiting" in daemon.log(), what="everleafd has its certificate")
        before = wakeups(daemon.process)
        time.sleep(seconds)
        print(f"\neverleafd, one certificate, idle for {seconds} s after it enrolled")
        print(f"  wake-ups {wakeups(daemon.process) - before}, resident {int(status_of(daemon.process)['VmRSS']) / 1024:.1f} MiB")
    finally:
        daemon.process.terminate()
        daemon.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--idle", type=int, default=60, metavar="SECONDS")
    options = parser.parse_args()
    everleaf = str(BINARIES / "everleaf")
    step = os.environ.get("EVERLEAF_BENCH_STEP", "")
    with tempfile.TemporaryDirectory(prefix="everleaf-bench-") as name:
        directory = Path(name)
        ca = RealCa(directory / "ca")
        try:
            renewals(everleaf, step, ca, directory, options.runs)
            local_commands(everleaf, step, ca, directory, options.runs)
            idle_daemon(ca, directory, options.idle)
        finally:
            ca.stop()


if __name__ == "__main__":
    main()
