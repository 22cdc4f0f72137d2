#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad days, one after the other: certificates of one minute, an nginx that serves one of them and shows the other to its
upstream, and chance. Ends with a table; the status is 1 if a certificate was not fresh, a request failed, or everleafd grew.

Usage: scripts/soak [MINUTES] [--seed N]
"""
import argparse
import contextlib
import datetime
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from cryptography import x509

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from certificates import issue, load  # noqa: E402
from daemon import Daemon, certificate  # noqa: E402
from mounts import Mounts  # noqa: E402
from program import die_with_parent, wait_until  # noqa: E402
from step_ca import RealCa, free_port  # noqa: E402

PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
NAMES = ["front", "client"]
LIFETIME = 60
LONGEST_OUTAGE = 8  # seconds: a minute has to outlast it, together with the retries after it
FRESH = 3  # at least so many seconds are left of what is served
MOST_GROWTH = {"KiB": 4096, "descriptors": 4}  # of one everleafd, from its first renewal on

CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {live}/front/tls.crt;
    ssl_certificate_key {live}/front/tls.key;
    location / {{
      proxy_pass https://127.0.0.1:{upstream};
      proxy_ssl_certificate {live}/client/tls.crt;
      proxy_ssl_certificate_key {live}/client/tls.key;
      proxy_ssl_trusted_certificate {root};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
      proxy_ssl_name localhost;
      proxy_next_upstream off;
    }}
  }}
  server {{
    listen 127.0.0.1:{upstream} ssl;
    ssl_certificate {place}/upstream.crt;
    ssl_certificate_key {place}/upstream.key;
    ssl_client_certificate {root};
    ssl_verify_client on;
    ssl_verify_depth 2;
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}
}}
"""


class MinuteCa(RealCa):
    def configuration(self):
        configuration = super().configuration()
        configuration["authority"]["claims"]["defaultTLSCertDuration"] = f"{LIFETIME}s"
        return configuration


class Nginx:
    def __init__(self, directory, ca, live):
        self.directory, self.port, self.child = directory, free_port(), None
        self.log = directory / "error.log"
        directory.mkdir()
        directory.chmod(0o755)
        issue(ca.intermediate, "upstream", names=["localhost"]).save(directory / "upstream.crt", directory / "upstream.key")
        user = "user www-data;\n" if os.geteuid() == 0 else ""
        self.configuration = directory / "nginx.conf"
        self.configuration.write_text(CONFIGURATION.format(
            user=user, place=directory, port=self.port, upstream=free_port(), live=live, root=ca.root_file))

    def start(self):
        """A start between the two reads of a pair that is swapped right there is refused: as often as it takes."""
        def accepts():
            if self.child is None or self.child.poll() is not None:
                self.child = subprocess.Popen([PROGRAM, "-p", self.directory, "-e", self.log, "-c", self.configuration],
                                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(accepts, what=f"nginx accepts: {self.log}")

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait()
            self.child = None


def seconds_left(der_or_path):
    one = load(der_or_path) if isinstance(der_or_path, Path) else x509.load_der_x509_certificate(der_or_path)
    return (one.not_valid_after - datetime.datetime.utcnow()).total_seconds()


class Traffic(threading.Thread):
    """Requests, one after the other, each on a connection of its own."""

    def __init__(self, nginx, root):
        super().__init__(daemon=True)
        self.nginx, self.trust = nginx, ssl.create_default_context(cafile=str(root))
        self.made, self.failed, self.least, self.over = 0, [], LIFETIME, threading.Event()
        self.nginx_is_up = threading.Lock()  # held also by who restarts it: what fails then is not ours

    def run(self):
        while not self.over.wait(0.05):
            with self.nginx_is_up:
                try:
                    self.ask()
                except Exception as error:  # whatever it is, the request failed
                    self.failed.append(f"{time.strftime('%X')} {error!r}")

    def ask(self):
        self.made += 1
        with self.trust.wrap_socket(socket.create_connection(("127.0.0.1", self.nginx.port), 5),
                                    server_hostname="localhost") as connection:
            self.least = min(self.least, seconds_left(connection.getpeercert(True)))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(answer[:60])


class Watch(threading.Thread):
    """What is live, and how large everleafd is."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.least, self.over = daemon, LIFETIME, threading.Event()
        self.serials = {name: set() for name in NAMES}
        self.lives = []  # of each process: since when, and its sizes, the first one after its first renewals

    def run(self):
        while not self.over.wait(0.5):
            for name in NAMES:
                self.least = min(self.least, seconds_left(self.daemon_.crt(name)))
                self.serials[name].add(self.daemon_.serial(name))
            with contextlib.suppress(OSError, AttributeError):  # killed right now
                self.measure(self.daemon_.process.pid)

    def measure(self, pid):
        status = Path(f"/proc/{pid}/status").read_text()
        size = {"KiB": int(status.partition("VmRSS:")[2].split()[0]), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}
        if not self.lives or self.lives[-1]["pid"] != pid:
            self.lives.append({"pid": pid, "since": time.monotonic(), "sizes": []})
        if time.monotonic() - self.lives[-1]["since"] > LIFETIME:
            self.lives[-1]["sizes"].append(size)

    def age(self):
        return time.monotonic() - self.lives[-1]["since"] if self.lives else 0

    def growth(self):
        """Of each process that lived long enough: smallest at first, and at its end. A few looks each: one may be unlucky."""
        for life in self.lives:
            if len(life["sizes"]) >= 10:
                yield {what: (min(size[what] for size in life["sizes"][:5]), min(size[what] for size in life["sizes"][-5:]))
                       for what in MOST_GROWTH}


class Soak:
    def __init__(self, directory, mounts, chance):
        self.chance, self.happened = chance, Counter()
        self.ca = MinuteCa(directory / "ca")
        self.daemon = Daemon(directory / "daemon", self.ca)
        self.disk = os.geteuid() == 0  # a small one of our own; only root can have it
        if self.disk:
            mounts.mount("-t", "tmpfs", "-o", "size=2m,mode=755", "none", self.daemon.base)
        self.nginx = Nginx(directory / "nginx", self.ca, self.daemon.live)
        self.traffic = Traffic(self.nginx, self.ca.root_file)
        self.watch = Watch(self.daemon)
        self.configure()

    def configure(self, *more):
        enroll = f'enroll = {{ password-file = "{self.ca.password_file()}", provisioner = "admin" }}'
        pid_file = self.nginx.directory / "nginx.pid"
        self.daemon.configure(
            f'[proxy.nginx]\nreload = {{ signal = {{ pid-file = "{pid_file}" }} }}\n',
            certificate("front", enroll, 'names = ["localhost"]', used_by=["nginx"]),
            certificate("client", enroll, 'rekey = "never"', used_by=["nginx"]), *more)

    def start(self):
        self.daemon.start()
        self.daemon.wait(lambda: all(self.daemon.serial(name) for name in NAMES))
        self.nginx.start()
        self.traffic.start()
        self.watch.start()

    def outage(self):
        """For some seconds; perhaps somebody tries to help meanwhile."""
        time.sleep(self.chance.uniform(1, LONGEST_OUTAGE / 2))
        if self.chance.random() < 0.5:
            self.daemon.reload()
        time.sleep(self.chance.uniform(0, LONGEST_OUTAGE / 2))

    def ca_is_away(self):
        self.ca.stop()
        self.outage()
        self.ca.start()

    def disk_is_full(self):
        if not self.disk:
            return "skipped"
        Mounts().fill(self.daemon.base)
        self.outage()
        (self.daemon.base / "filler").unlink()

    def nginx_restarts(self):
        with self.traffic.nginx_is_up:
            self.nginx.stop()
            self.nginx.start()

    def somebody_reloads_nginx(self):
        self.nginx.child.send_signal(signal.SIGHUP)

    def configuration_changes(self):
        self.configure(*[f"# {self.chance.random()}"] * self.chance.randrange(3))
        self.daemon.reload()

    def configuration_is_broken(self):
        self.daemon.write("[ca]\nurl = 7\n")
        self.daemon.reload()
        self.daemon.wait(lambda: "configuration-refused" in self.daemon.log()[-3000:])
        self.configure()

    def everleafd_is_killed(self):
        if self.watch.age() < 1.5 * LIFETIME:
            return "skipped"
        self.daemon.kill()
        time.sleep(self.chance.uniform(0, 3))
        self.daemon.start()

    def everleafd_is_restarted(self):
        if self.watch.age() < 1.5 * LIFETIME:
            return "skipped"
        self.daemon.terminate()
        self.daemon.start()

    def run(self, minutes):
        self.start()
        end, deck = time.monotonic() + 60 * minutes, []
        while time.monotonic() < end:
            deck = deck or self.chance.sample(EVENTS, len(EVENTS))
            event = deck.pop()
            if event(self) == "skipped":
                continue
            self.happened[event.__name__.replace("_", " ")] += 1
            assert self.daemon.process.poll() is None, f"everleafd ended: {self.daemon.log()[-3000:]}"
            time.sleep(self.chance.uniform(3, 10))
        self.daemon.wait(lambda: all(seconds_left(self.daemon.crt(name)) > LIFETIME / 6 for name in NAMES), LIFETIME)
        for thread in (self.traffic, self.watch):
            thread.over.set()
            thread.join()
        self.daemon.terminate()

    def report(self):
        """Prints it; whether all was well."""
        growth = list(self.watch.growth())
        print("happened: " + ", ".join(f"{event} {count}" for event, count in sorted(self.happened.items())))
        print("certificates: " + ", ".join(f"{name} {len(serials)}" for name, serials in self.watch.serials.items())
              + f" of {LIFETIME} s; least left {self.watch.least:.0f} s live, {self.traffic.least:.0f} s served")
        print(f"requests: {self.traffic.made}, {len(self.traffic.failed)} failed")
        for one in self.traffic.failed[:10]:
            print(f"  {one}")
        for life in growth:
            print("everleafd: " + ", ".join(f"{what} {first} -> {last}" for what, (first, last) in life.items()))
        return (not self.traffic.failed and min(self.watch.least, self.traffic.least) >= FRESH and bool(growth) and all(
            last - first <= MOST_GROWTH[what] for life in growth for what, (first, last) in life.items()))

    def stop(self):
        self.daemon.kill()
        self.nginx.stop()
        self.ca.stop()


EVENTS = [Soak.ca_is_away, Soak.ca_is_away, Soak.disk_is_full, Soak.disk_is_full, Soak.nginx_restarts,
          Soak.somebody_reloads_nginx, Soak.configuration_changes, Soak.configuration_is_broken, Soak.everleafd_is_killed,
          Soak.everleafd_is_restarted]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("minutes", type=float, nargs="?", default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    arguments = parser.parse_args()
    print(f"soak of {arguments.minutes:g} minutes, seed {arguments.seed}", flush=True)
    mounts, directory = Mounts(), Path(tempfile.mkdtemp(prefix="everleaf-soak-"))
    directory.chmod(0o755)  # nginx's workers look into it
    soak = Soak(directory, mounts, random.Random(arguments.seed))
    try:
        soak.run(arguments.minutes)
        well = soak.report()
    except BaseException:
        print(soak.daemon.last_words(), file=sys.stderr)
        raise
    finally:
        soak.stop()
        mounts.release()
    if well:
        shutil.rmtree(directory)
    else:
        print(f"NOT WELL: look into {directory}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
