# SPDX-License-Identifier: Apache-2.0
"""Times how long it takes until nginx, under systemd, serves a new certificate: by everleafd, and by curl and systemctl.

Usage: scripts/bench adoption [--runs N]
"""
import argparse
import os
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from cryptography import x509  # noqa: E402
from certificates import Seconds, now  # noqa: E402
from host import Host  # noqa: E402
from program import BINARIES, wait_until  # noqa: E402
from step_ca import RealCa, free_port  # noqa: E402

SETTLE_WINDOW = 2.0  # in which everleafd waits for other deliveries to the same proxy

PAIR = "/etc/nginx/by-hand"
BY_HAND = f"""#!/bin/bash
set -e
echo $EPOCHREALTIME
curl -sf --cacert /root/root.crt --cert {PAIR}.crt --key {PAIR}.key -X POST $1/renew -o /run/answer
chain=$(sed 's/.*"certChain":\\["//; s/"\\].*//; s/","//g' /run/answer)
printf %b "$chain" >{PAIR}.new
mv {PAIR}.new {PAIR}.crt
systemctl reload nginx
"""


class Watch(threading.Thread):
    """Asks a server of nginx without a pause, and notes when each certificate was seen first, by its serial."""

    def __init__(self, port, root):
        super().__init__(daemon=True)
        self.port, self.first_seen, self.stopped = port, {}, False
        self.trust = ssl.create_default_context(cafile=str(root))
        self.trust.check_hostname = False

    def run(self):
        while not self.stopped:
            with self.trust.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 5)) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answered = connection.recv(1)
                seen, leaf = time.time(), connection.getpeercert(True)
            if answered:
                self.first_seen.setdefault(x509.load_der_x509_certificate(leaf).serial_number, seen)


def prepare(host, port):
    """One nginx with two servers: everleafd keeps the pair of one, the other's is renewed by hand."""
    by_hand = host.pair(not_before=now())
    host.write({"/root/by-hand": BY_HAND, "/root/root.crt": host.ca.root.pem, f"{PAIR}.crt": by_hand.chain_pem})
    host.write({f"{PAIR}.key": by_hand.key_pem}, mode=0o600)
    short = host.pair(not_before=now(), lifetime=Seconds(seconds=12))  # and so are those that come after it
    host.place(short).configure().start_nginx(
        "}", "server {", f"listen 127.0.0.1:{port} ssl;", f"ssl_certificate {PAIR}.crt;", f"ssl_certificate_key {PAIR}.key;",
        'location / { return 200 "ok\\n"; }')


def renew_by_hand(host, watch):
    """Seconds from its beginning to the first answer with the new certificate."""
    started = float(host.run("/root/by-hand", host.ca.url))
    serial = x509.load_pem_x509_certificate(host.read(f"{PAIR}.crt").encode()).serial_number
    wait_until(lambda: serial in watch.first_seen, what="nginx serves it")
    return watch.first_seen[serial] - started


def renewals_of_everleafd(host, watch):
    """Seconds from the moment that a renewal was due, as everleafd had said, to the first answer with what came of it."""
    due, seconds = None, []
    for event in host.journal("-u", "everleafd"):
        if event.get("EVERLEAF_EVENT") == "waiting":
            due = datetime.fromisoformat(event["EVERLEAF_RENEWAL"].replace("Z", "+00:00")).timestamp()
        elif event.get("EVERLEAF_EVENT") == "delivered":
            if first := watch.first_seen.get(int(event["EVERLEAF_SERIAL"], 16)):
                seconds.append(first - due - SETTLE_WINDOW)
    return seconds


def resident(host):
    process = host.show("everleafd", "MainPID")
    sizes = dict(line.split(":", 1) for line in host.read(f"/proc/{process}/smaps_rollup").splitlines()[1:])
    return {name: int(sizes[name].split()[0]) / 1024 for name in ("Rss", "Pss")}


def sizes_of_package():
    for package in BINARIES.glob("everleaf_*.deb"):
        installed = os.popen(f"dpkg-deb --field {package} Installed-Size").read()
        yield f"{package.name}: {package.stat().st_size / 1e6:.2f} MB, installed {int(installed) * 1024 / 1e6:.1f} MB"


def show(name, seconds):
    print(f"  {name:36} median {statistics.median(seconds) * 1000:6.1f} ms, fastest {min(seconds) * 1000:6.1f} ms,"
          f" slowest {max(seconds) * 1000:6.1f} ms ({len(seconds)} times)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="everleaf-bench-") as directory:
        ca = RealCa(Path(directory) / "ca")
        host = Host(Path(directory) / "box", ca)
        port = free_port()
        watches = [Watch(host.port, ca.root_file), Watch(port, ca.root_file)]
        by_hand = []
        try:
            host.start().install()
            prepare(host, port)
            for watch in watches:
                watch.start()
            host.start_daemon()
            for run in range(runs):  # one by hand after each of everleafd's
                host.wait_for_event("adopted", run + 1)
                by_hand.append(renew_by_hand(host, watches[1]))
            ours, memory = renewals_of_everleafd(host, watches[0]), resident(host)
        finally:
            for watch in watches:
                watch.stopped = True
                watch.join()
            host.stop()
            ca.stop()
    print(f"From due to the first answer of nginx with the new certificate (load {os.getloadavg()[0]:.1f})")
    show("everleafd, less 2 s of settling", ours)
    show("curl, then systemctl reload nginx", by_hand)
    print(f"  difference of the medians {(statistics.median(ours) - statistics.median(by_hand)) * 1000:.1f} ms")
    print(f"everleafd.service after {runs} renewals: {memory['Rss']:.1f} MiB resident, {memory['Pss']:.1f} MiB its share of it")
    for line in sizes_of_package():
        print(line)


if __name__ == "__main__":
    main()
