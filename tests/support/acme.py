# SPDX-License-Identifier: Apache-2.0
"""What ACME needs in tests: servers that are not step-ca, names that lead to this host, and a web server's directory."""
import functools
import http.server
import json
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import urllib.request
from pathlib import Path

from certificates import hierarchy, issue
from program import die_with_parent, wait_until
from step_ca import free_port

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


class AcmeProvisioner:
    def __init__(self, name="acme", **more):
        self.name, self.password, self.more = name, "", more

    def configuration(self):
        return {"type": "ACME", "name": self.name, **self.more}


class NamesHere:
    """A DNS server by UDP and TCP, to which every name is 127.0.0.1."""

    def __init__(self):
        self.port = free_port()

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                data, sender = self.request
                sender.sendto(answer(data), self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                while size := self.rfile.read(2):
                    said = answer(self.rfile.read(struct.unpack("!H", size)[0]))
                    self.wfile.write(struct.pack("!H", len(said)) + said)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.servers = [socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Udp),
                        socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Tcp)]
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def answer(query):
    """RFC 1035: the question again, and for an A (1) an address."""
    end = query.index(b"\0", 12) + 5
    kind = struct.unpack("!H", query[end - 4:end - 2])[0]
    found = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1") if kind == 1 else b""
    return query[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, 1 if found else 0, 0, 0) + query[12:end] + found


class Pebble:
    """Let's Encrypt's ACME server for tests. Its own hierarchy is new with each start, that of its TLS certificate is ours."""

    def __init__(self, directory, program, names, external_accounts=None, bad_nonces=5, blocked=()):
        directory.mkdir(parents=True, exist_ok=True)
        self.port, self.http_port = free_port(), free_port()
        management = free_port()
        tls = hierarchy("Pebble TLS")
        issue(tls.intermediate, "localhost", names=["localhost", "127.0.0.1"]).save(directory / "tls.crt", directory / "tls.key")
        config = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{management}",
                  "certificate": str(directory / "tls.crt"), "privateKey": str(directory / "tls.key"), "httpPort": self.http_port,
                  "tlsPort": free_port(), "keyAlgorithm": "ecdsa", "domainBlocklist": list(blocked),
                  "externalAccountBindingRequired": bool(external_accounts), "externalAccountMACKeys": external_accounts or {},
                  "retryAfter": {"authz": 1, "order": 1}}
        (directory / "pebble.json").write_text(json.dumps({"pebble": config}))
        with open(directory / "pebble.log", "ab") as log:
            self.process = subprocess.Popen(
                [program, "-config", directory / "pebble.json", "-dnsserver", f"127.0.0.1:{names.port}"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent,
                env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(bad_nonces), "PEBBLE_AUTHZREUSE": "0"})
        trust = ssl.create_default_context(cadata=tls.root.pem)
        self.get = functools.partial(fetch, trust, f"https://127.0.0.1:{management}")
        wait_until(lambda: self.get("/roots/0"), what="pebble answers")
        wait_until(lambda: fetch(trust, self.url.removesuffix("/dir"), "/dir"), what="pebble's directory")
        self.tls_root_file, self.root_file, self.both_file = (directory / f"{one}.pem" for one in ("tls", "root", "both"))
        self.tls_root_file.write_text(tls.root.pem)
        self.root_file.write_text(self.get("/roots/0"))
        self.both_file.write_text(tls.root.pem + self.root_file.read_text())

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/dir"

    def stop(self):
        self.process.kill()
        self.process.wait()


def fetch(trust, place, path):
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    try:
        return urllib.request.build_opener(*handlers).open(place + path, timeout=5).read().decode()
    except OSError:
        return None


class Served:
    """A directory that a web server shows to the world at a port, as long as a test wants."""

    def __init__(self, directory, port, instead=None):
        self.directory, self.asked, self.modes = Path(directory), [], []
        served = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                served.asked.append(self.path)
                served.modes += [entry.stat().st_mode & 0o777 for entry in sorted(served.directory.rglob("*"))]
                if instead is None:
                    return super().do_GET()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(instead.encode())

            def log_message(self, *_):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Handler, directory=str(directory)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def pebble_program():
    return os.environ.get("EVERLEAF_TEST_PEBBLE")
