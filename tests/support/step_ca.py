# SPDX-License-Identifier: Apache-2.0
"""A real step-ca on loopback, with its own hierarchy and JWK provisioners."""
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path

from certificates import hierarchy, issue
from jose import Provisioner
from program import die_with_parent, wait_until


def program():
    found = os.environ.get("EVERLEAF_TEST_STEP_CA") or shutil.which("step-ca")
    assert found, "no step-ca: set EVERLEAF_TEST_STEP_CA or put one on the PATH"
    return found


def free_port():
    """Below the range from which the kernel takes ports for connections, so that a stopped CA gets it back."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def usual_provisioners():
    return [
        Provisioner("admin"),
        Provisioner("late", claims={"allowRenewalAfterExpiry": True}),
        Provisioner("norenew", claims={"disableRenewal": True}),
    ]


class RealCa:
    """Runs from start() to stop(); both any number of times, always on the same port and with the same database."""
    ends_with_us = True  # even if we are killed

    def __init__(self, directory, provisioners=None, arguments=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.provisioners = {p.name: p for p in provisioners or usual_provisioners()}
        authorities = hierarchy()
        self.root, self.intermediate = authorities.root, authorities.intermediate
        self.fingerprint = self.root.fingerprint
        self.root_file = self.directory / "root.crt"
        self.root.save(self.root_file)
        self.intermediate.save(self.directory / "intermediate.crt", self.directory / "intermediate.key")
        for provisioner in self.provisioners.values():
            (self.directory / f"{provisioner.name}.password").write_text(provisioner.password + "\n")
        self.process, self.arguments = None, arguments
        self.port = free_port()
        self.start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def password_file(self, provisioner="admin"):
        return self.directory / f"{provisioner}.password"

    def token(self, subject, provisioner="admin", **claims):
        return self.provisioners[provisioner].token(subject, f"{self.url}/1.0/sign", **{"sha": self.fingerprint, **claims})

    def leaf(self, subject="myuser", **differently):
        """A good pair as if this CA had issued it some time ago."""
        usual = {"names": [subject], "provisioner": ("admin", self.provisioners["admin"].kid)}
        return issue(self.intermediate, subject, **{**usual, **differently})

    def trust(self):
        return ["--ca-url", self.url, "--root", self.root_file]

    def credential(self, provisioner="admin"):
        return ["--provisioner", provisioner, "--provisioner-password-file", self.password_file(provisioner)]

    def revoke(self, serial):
        audience = f"{self.url}/1.0/revoke"
        ott = self.provisioners["admin"].token(str(serial), audience, sans=[])
        return self.post("/revoke", {"serial": str(serial), "ott": ott, "passive": True})

    def post(self, path, value):
        request = urllib.request.Request(self.url + path, json.dumps(value).encode())
        with self.open(request) as answer:
            return json.load(answer)

    def open(self, request):
        trust = ssl.create_default_context(cafile=str(self.root_file))
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        return urllib.request.build_opener(*handlers).open(request, timeout=5)

    def configuration(self):
        # Without backdate 0 a renewal of a certificate of seconds is issued already expired.
        return {
            "root": str(self.root_file), "crt": str(self.directory / "intermediate.crt"),
            "key": str(self.directory / "intermediate.key"), "address": f"127.0.0.1:{self.port}", "insecureAddress": "",
            "dnsNames": ["localhost", "127.0.0.1"], "logger": {"format": "text"},
            "db": {"type": "bbolt", "dataSource": str(self.directory / "ca.db")},
            "authority": {
                "backdate": "0s",
                "claims": {"minTLSCertDuration": "1s", "maxTLSCertDuration": "24h", "defaultTLSCertDuration": "24h"},
                "provisioners": [p.configuration() for p in self.provisioners.values()],
            },
        }

    def start(self):
        config = self.directory / "ca.json"
        config.write_text(json.dumps(self.configuration()))
        with open(self.directory / "ca.log", "ab") as log:
            self.process = subprocess.Popen(
                [program(), *self.arguments, str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=die_with_parent if self.ends_with_us else None,
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory), "STEPPATH": str(self.directory)})
        try:
            wait_until(self.answers, what="step-ca answers")
        except BaseException:
            self.stop()
            raise
        return self

    def answers(self):
        assert self.process.poll() is None, f"step-ca ended: {self.log()[-2000:]}"
        try:
            with self.open(f"{self.url}/health") as answer:
                return json.load(answer) == {"status": "ok"}
        except OSError:
            return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self):
        return (self.directory / "ca.log").read_text(errors="replace")
