# SPDX-License-Identifier: Apache-2.0
"""An nginx of our own in a directory; the system's nginx and its configuration are not touched."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from cryptography import x509

from program import REPOSITORY, die_with_parent, wait_until
from step_ca import free_port

PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
PAGE = (REPOSITORY / "docs" / "nginx.md").read_text()

MAIN = """\
{user}daemon off;
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
{http}
}}
"""


def sections(language):
    """The blocks of docs/nginx.md in a language, by the heading under which they stand."""
    found = {}
    for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S):
        found[heading] = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    return found


class Nginx:
    """`http` is what stands in its http block, or several of such; "PORT:NAME" in it becomes a port of our own."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.configuration, self.log = self.directory / "nginx.conf", self.directory / "error.log"
        self.pid_file = self.directory / "nginx.pid"
        self.ports = {}
        self.process = None

    def port(self, name):
        return self.ports.setdefault(name, free_port())

    def configure(self, *http):
        text = re.sub(r"PORT:(\w+)", lambda match: str(self.port(match[1])), "\n".join(http))
        user = "user www-data;\n" if os.geteuid() == 0 else ""
        self.configuration.write_text(MAIN.format(directory=self.directory, user=user, http=text))
        return self

    def arguments(self):
        return [PROGRAM, "-p", str(self.directory), "-e", str(self.log), "-c", str(self.configuration)]

    def start(self):
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
        wait_until(self.is_up, what="nginx is up")
        return self

    def is_up(self):
        assert self.process.poll() is None, self.log.read_text()
        return self.pid_file.exists() and self.pid_file.read_text().strip() == str(self.process.pid)

    def reload_arguments(self):
        """As a program: it looks at the configuration before it signals."""
        return [*self.arguments(), "-s", "reload"]

    def reload(self):
        """By hand; over when the old workers are gone."""
        old = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not old & self.workers(), what="nginx reloads")

    def wait_for_workers(self, count):
        wait_until(lambda: len(self.workers()) == count, what=f"nginx has {count} workers")

    def workers(self):
        return set(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def get(self, port, path="/"):
        """Status and text."""
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{self.port(port)}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def get_tls(self, port, name, client, directory):
        """Status and text, for a client with this pair; whom it talks to is not checked."""
        client.save(directory / "client.crt", directory / "client.key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(directory / "client.crt", directory / "client.key")
        with socket.create_connection(("127.0.0.1", self.port(port)), 5) as connection:
            with context.wrap_socket(connection, server_hostname=name) as tls:
                tls.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
                head, _, body = b"".join(iter(lambda: tls.recv(4096), b"")).decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def served(self, port, name=None):
        """The serial of what a new client is shown."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port(port)), 5) as connection:
            with context.wrap_socket(connection, server_hostname=name) as tls:
                return x509.load_der_x509_certificate(tls.getpeercert(True)).serial_number
