# SPDX-License-Identifier: Apache-2.0
"""HAProxy in a directory of its own."""
import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from program import die_with_parent, wait_until
from step_ca import free_port

HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin") or "haproxy"


class Haproxy:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="haproxy-"))  # short, as paths of sockets have to be
        self.socket, self.master_socket = self.directory / "everleaf.sock", self.directory / "master.sock"
        self.config, self.pid_file = self.directory / "haproxy.cfg", self.directory / "pid"
        self.process, self.ports, self.environment = None, [], {}

    def want_strong_keys(self):
        """At its next start OpenSSL is told to refuse RSA below 3072 bits."""
        file = self.directory / "openssl.cnf"
        file.write_text("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCipherString = DEFAULT@SECLEVEL=3\n")
        self.environment = {"OPENSSL_CONF": str(file)}

    def start(self, *sections, level="admin", settings=()):
        """`sections` may name their ports as {0}, {1} ..."""
        self.ports = [free_port() for _ in range(4)]
        head = ["global", f"  stats socket {self.socket} mode 600 level {level}", *(f"  {line}" for line in settings),
                "defaults", "  mode http", "  timeout connect 5s", "  timeout client 5s", "  timeout server 5s"]
        self.config.write_text("\n".join([*head, *sections, ""]).format(*self.ports))
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [HAPROXY, "-W", "-S", self.master_socket, "-p", self.pid_file, "-f", self.config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.environment},
                start_new_session=True, preexec_fn=die_with_parent)
        wait_until(self.answers, what="HAProxy answers")
        return self

    def log(self):
        return (self.directory / "log").read_text()

    def answers(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError):
            return self.ask("show version")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory)

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def workers(self):
        process = self.process.pid
        return Path(f"/proc/{process}/task/{process}/children").read_text().split()

    def served(self, port=0, name=None):
        """The serial of the certificate that it shows."""
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        with trust.wrap_socket(socket.create_connection(("127.0.0.1", self.ports[port]), 5), server_hostname=name) as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(True)).serial_number


class Client:
    """One connection to HAProxy that is kept; whoever answers says which client certificate it was shown."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def presented(self):
        try:
            return self.ask()
        except http.client.RemoteDisconnected:  # it was closed while it was idle, as after a reload
            return self.ask()

    def ask(self):
        self.connection.request("GET", "/")
        answer = self.connection.getresponse()
        answer.read()
        return int(answer.headers["x-serial"], 16)
