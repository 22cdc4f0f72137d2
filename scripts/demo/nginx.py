# SPDX-License-Identifier: Apache-2.0
"""Two nginx of our own, each in its directory; the system's nginx and its configuration are not touched."""
import os
import shutil
import signal
import socket
from pathlib import Path

from processes import await_true
from show import Failure

COMMON = """\
{user}daemon off;
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format seen '$msec $ssl_client_serial';
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
{server}
}}
"""

# Answers with the serial it was shown, and logs when.
UPSTREAM = """\
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name backend.internal;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_client_certificate {root};
    ssl_verify_client on;
    ssl_verify_depth 2;
    access_log {directory}/seen.log seen;
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}"""

# The directives of Smallstep's "Hello mTLS" page for nginx. Nothing is tried twice.
PROXY = """\
  upstream backend.internal {{ server 127.0.0.1:{upstream_port}; }}
  server {{
    listen 127.0.0.1:{port};
    access_log {directory}/access.log;
    location / {{
      proxy_pass https://backend.internal;
      proxy_next_upstream off;
      proxy_ssl_certificate {certificate};
      proxy_ssl_certificate_key {key};
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_ciphers HIGH:!aNULL:!MD5;
      proxy_ssl_trusted_certificate {root};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
    }}
  }}"""


def program():
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"


class Nginx:
    def __init__(self, name, directory, server, processes):
        self.name, self.server, self.processes = name, server, processes
        self.directory = Path(directory)
        self.directory.mkdir()
        self.log = self.directory / "error.log"
        self.log.touch()
        self.port = None
        self.child = None

    def configure(self, **paths):
        user = "user www-data;\n" if os.geteuid() == 0 else ""
        server = self.server.format(directory=self.directory, port=self.port, **paths)
        text = COMMON.format(directory=self.directory, user=user, server=server)
        (self.directory / "nginx.conf").write_text(text)

    def start(self, free_port, **paths):
        """On a free port. Another process may take it first: then on another one."""
        for _ in range(5):
            self.port = free_port()
            self.configure(**paths)
            arguments = [program(), "-p", self.directory, "-e", self.log, "-c", self.directory / "nginx.conf"]
            self.child = self.processes.start(self.name, arguments, self.log)
            await_true(self.is_decided, 15, f"the start of {self.name}", self.log)
            if self.child.poll() is None:
                return
            self.processes.forget(self.child)
            if "Address already in use" not in self.log.read_text():
                break
        raise Failure(f"{self.name} does not start", self.log)

    def is_decided(self):
        return self.child.poll() is not None or (self.master() == self.child.pid and self.accepts())

    def master(self):
        try:
            return int((self.directory / "nginx.pid").read_text())
        except (OSError, ValueError):
            return None

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        self.child.send_signal(signal.SIGHUP)
