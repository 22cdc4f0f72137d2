# SPDX-License-Identifier: Apache-2.0
"""Two nginx that talk mutual TLS, and a client that counts what does not work."""
import http.client
import shutil
import signal
import socket
import subprocess
import threading

from program import die_with_parent, wait_until
from step_ca import free_port

COMMON = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
{server}
}}
"""

SERVER = """\
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {live}/tls.crt;
    ssl_certificate_key {live}/tls.key;
    ssl_client_certificate {live}/ca.crt;
    ssl_verify_client on;
    ssl_verify_depth 2;
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}"""

# A handshake for every request, none of which is tried twice.
CLIENT = """\
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass https://127.0.0.1:{upstream};
      proxy_next_upstream off;
      proxy_ssl_name {server_name};
      proxy_ssl_certificate {live}/tls.crt;
      proxy_ssl_certificate_key {live}/tls.key;
      proxy_ssl_trusted_certificate {live}/ca.crt;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
      proxy_ssl_session_reuse off;
    }}
  }}"""


class Nginx:
    """In a directory of its own, from start() to stop()."""

    def __init__(self, directory, server, **values):
        self.directory, self.port = directory, free_port()
        directory.mkdir()
        text = server.format(port=self.port, **values)
        (directory / "nginx.conf").write_text(COMMON.format(directory=directory, server=text))
        self.pid_file = directory / "nginx.pid"

    def start(self):
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        log = self.directory / "error.log"
        self.process = subprocess.Popen(
            [program, "-p", self.directory, "-e", log, "-c", self.directory / "nginx.conf"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent)
        wait_until(self.accepts, what=f"{self.directory} answers")
        return self

    def accepts(self):
        assert self.process.poll() is None, (self.directory / "error.log").read_text()
        with socket.socket() as probe:
            return self.pid_file.exists() and probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


class Traffic:
    """Requests one after the other for as long as it lasts; each that is not answered with 200 is a failure."""

    def __init__(self, port):
        self.port, self.answered, self.failures = port, 0, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        while not self.stopping.wait(0.01):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                if answer.status != 200:
                    self.failures.append(f"{answer.status}: {answer.read()[:200]}")
                self.answered += 1
            except OSError as error:
                self.failures.append(repr(error))
            finally:
                connection.close()
