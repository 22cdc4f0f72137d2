# SPDX-License-Identifier: Apache-2.0
"""Many certificates on one host: how long everleafd takes to begin, how large it is, what it does when idle, and how fast it
renews them when all are due at once, beside a plain load generator and `step ca renew --daemon`. Prints tables.

Usage: scripts/bench scale [--certificates N]... [--due N] [--rounds N] [--idle SECONDS] [--directory DIRECTORY]
                           [--distance MS]
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from certificates import DAY, issue, new_key, now  # noqa: E402
from daemon import Daemon, certificate  # noqa: E402
from program import environment, wait_until  # noqa: E402
from far_ca import FarCa  # noqa: E402
from step_ca import RealCa  # noqa: E402

AT_THE_CA = 4  # of everleafd: agent/file_passes.hpp
TICKS = os.sysconf("SC_CLK_TCK")


def fields_of(process):
    return {name: value.split()[0] for name, value in
            (line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()) if value.split()}


def cpu_seconds(process):
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / TICKS


def mib(process, field="VmRSS"):
    return int(fields_of(process)[field]) / 1024


def host(directory, ca, number, age):
    """A daemon's directory with `number` certificates that have used `age` of their life. They share a key: making keys is
    not what is measured."""
    key = new_key()
    names = [f"host-{i}" for i in range(number)]
    daemon = Daemon(directory, ca, *[certificate(name, 'rekey = "never"', subject=name) for name in names])
    for name in names:
        pair = issue(ca.intermediate, name, key=key, names=[name], not_before=now() - age * DAY,
                     provisioner=("admin", ca.provisioners["admin"].kid))
        daemon.place(name, pair)
    return daemon


def said(daemon, event):
    return daemon.log_file.read_bytes().count(f"event={event} ".encode())


def start(ca, directory, number, idle):
    daemon = host(directory, ca, number, age=0.1)
    started = time.perf_counter()
    daemon.start()
    try:
        wait_until(lambda: said(daemon, "waiting") == number, 120, "everything is known")
        seconds = time.perf_counter() - started
        busy = cpu_seconds(daemon.process)
        time.sleep(idle)
        print(f"  {number:6} {seconds:8.2f} s {busy:8.2f} s {mib(daemon.process):7.1f} MiB {mib(daemon.process, 'VmHWM'):7.1f} MiB"
              f" {cpu_seconds(daemon.process) - busy:8.2f} s", flush=True)
    finally:
        daemon.kill()


def step_daemons(ca, directory, step, number, idle):
    """The incumbent has a process a certificate."""
    directory.mkdir()
    issue(ca.intermediate, "step", names=["step"], provisioner=("admin", ca.provisioners["admin"].kid)).save(
        directory / "s.crt", directory / "s.key")
    command = [step, "ca", "renew", "--daemon", "--force", *map(str, ca.trust()), "s.crt", "s.key"]
    running = [subprocess.Popen(command, cwd=directory, env=environment(directory), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(number)]
    try:
        time.sleep(idle)
        sizes = [mib(process) for process in running]
        print(f"\n{number} x step ca renew --daemon, a certificate each: {statistics.median(sizes):.1f} MiB each,"
              f" {sum(sizes):.0f} MiB together")
    finally:
        for process in running:
            process.kill()
            process.wait()


def storm(ca, directory, number):
    """Renewals a second of everleafd when all are due at once, from the first answer to the last."""
    daemon = host(directory, ca, number, age=0.75).start()
    log = open(daemon.log_file, "rb")
    seen, first = 0, None

    def all_seen():
        nonlocal seen, first
        seen += sum(b"event=obtained " in line for line in log)  # what is new: reading all of it again takes its time
        first = first or seen and (seen, time.perf_counter())
        return seen == number
    try:
        wait_until(all_seen, 300, "all are renewed")
        count, first = first
        seconds = time.perf_counter() - first
        assert said(daemon, "failed") == 0, "a renewal failed"
        return (number - count) / seconds, cpu_seconds(daemon.process) / number
    finally:
        daemon.kill()


def load(ca, directory, number):
    """curl as a plain load generator: as many at a time as everleafd, the same handshakes, a certificate each."""
    directory.mkdir()
    key = new_key()
    parts = [[] for _ in range(AT_THE_CA)]
    for i in range(number):
        name = f"load-{i}"
        issue(ca.intermediate, name, key=key, names=[name], not_before=now() - 0.75 * DAY,
              provisioner=("admin", ca.provisioners["admin"].kid)).save(directory / f"{name}.crt", directory / f"{name}.key")
        part = parts[i % AT_THE_CA]
        part += [*(["next"] if part else []), f'url = "{ca.url}/renew"', 'request = "POST"', f'cacert = "{ca.root_file}"',
                 f'cert = "{name}.crt"', f'key = "{name}.key"', 'output = "/dev/null"', "http1.1", "silent", "fail"]
    for i, part in enumerate(parts):
        (directory / f"{i}.conf").write_text("\n".join(part) + "\n")
    started = time.perf_counter()
    running = [subprocess.Popen(["curl", "-K", f"{i}.conf"], cwd=directory, env=environment(directory)) for i in range(AT_THE_CA)]
    assert [process.wait() for process in running] == [0] * AT_THE_CA
    return number / (time.perf_counter() - started)


def storms(ca, directory, number, rounds):
    print(f"\n{number} renewals due at once over mTLS, {AT_THE_CA} at a time, everleafd and curl in turn")
    ratios = []
    for i in range(rounds):
        ours, cpu = storm(ca, directory / f"storm-{i}", number)
        its = load(ca, directory / f"load-{i}", number)
        ratios.append(ours / its)
        print(f"  everleafd {ours:6.0f}/s ({cpu * 1000:.1f} ms CPU each)   curl {its:6.0f}/s   ratio {ratios[-1]:.2f}", flush=True)
    print(f"  median ratio {statistics.median(ratios):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--certificates", type=int, action="append", metavar="N")
    parser.add_argument("--due", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--idle", type=int, default=10, metavar="SECONDS")
    parser.add_argument("--directory", help="where the certificates go, instead of where temporary files are")
    parser.add_argument("--distance", type=float, metavar="MS", help="to the CA, one way, when all are due at once")
    options = parser.parse_args()
    step = os.environ.get("EVERLEAF_BENCH_STEP", "")
    prefix = "everleaf-bench-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=options.directory) as name, tempfile.TemporaryDirectory(prefix=prefix) as far:
        directory = Path(name)
        ca = FarCa(far, options.distance) if options.distance else RealCa(far)
        try:
            print(f"everleafd: until all certificates are known; CPU until then; size; CPU in {options.idle} idle seconds")
            print(f"  {'number':>6} {'start':>10} {'CPU':>10} {'resident':>11} {'peak':>11} {'idle CPU':>10}")
            for number in options.certificates or [1000, 10000]:
                start(ca, directory / f"start-{number}", number, options.idle)
            if step:
                step_daemons(ca, directory / "step", step, 20, options.idle)
            if options.due:
                storms(ca, directory, options.due, options.rounds)
        finally:
            ca.stop()


if __name__ == "__main__":
    main()
