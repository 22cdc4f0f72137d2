# SPDX-License-Identifier: Apache-2.0
"""Everything that docs/nginx.md says to write into nginx's configuration, in a real nginx; and into everleafd's."""
import json
import os
import re
import socket
import ssl
import threading
import tomllib

import pytest

from certificates import DAY, now
from daemon import certificate
from nginx import Nginx, sections

UPSTREAM = """
  server {{
    listen 127.0.0.1:PORT:backend ssl;
    ssl_certificate {directory}/server.crt; ssl_certificate_key {directory}/server.key;
    ssl_client_certificate {directory}/root.crt; ssl_verify_client on; ssl_verify_depth 2;
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}"""


@pytest.fixture
def nginxes(tmp_path):
    """nginxes(name) makes one."""
    made = []

    def make(name):
        made.append(Nginx(tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Page:
    """One section of the page, with an everleafd that keeps the certificate it is about, and an upstream."""

    def __init__(self, heading, everleafd, nginxes, ca):
        self.blocks, self.everleafd, self.nginx, self.ca = sections("nginx")[heading], everleafd, nginxes("proxy"), ca
        self.upstream = nginxes("upstream")
        ca.leaf(names=["backend.internal"]).save(self.upstream.directory / "server.crt", self.upstream.directory / "server.key")
        (self.upstream.directory / "root.crt").write_text(ca.trusted.root.pem)
        self.upstream.configure(UPSTREAM.format(directory=self.upstream.directory)).start()

    def write(self, *blocks, main=""):
        """nginx's configuration: the blocks of the page with paths and ports of this test."""
        text = "\n".join(blocks).replace("/var/lib/everleaf/live", str(self.everleafd.live))
        text = re.sub(r"listen (?:127\.0\.0\.1:)?(\d+)", r"listen 127.0.0.1:PORT:at_\1", text)
        text = re.sub(r"https://127\.0\.0\.1:(\d+)", r"https://127.0.0.1:PORT:at_\1", text)
        self.nginx.configure(f"upstream backend.internal {{ server 127.0.0.1:{self.upstream.port('backend')}; }}", text)
        self.nginx.configuration.write_text(main + self.nginx.configuration.read_text())
        return self

    def configure(self, name, probe, reload=None):
        reload = reload or f"{{ exec = {json.dumps(self.nginx.reload_arguments())}, time-limit = \"5s\" }}"
        subject = "web.internal" if name == "web" else "myuser"
        self.everleafd.configure(f"[proxy.nginx]\nreload = {reload}\n",
                                 certificate(name, f"probe = {probe}", subject=subject, used_by=["nginx"]))
        self.everleafd.place(name, self.ca.leaf(subject, not_before=now() - 0.75 * DAY))
        (self.everleafd.live / name / "ca.crt").write_text(self.ca.trusted.root.pem)
        return self


@pytest.fixture
def page(daemon, lying_ca, nginxes):
    return lambda heading: Page(heading, daemon(lying_ca), nginxes, lying_ca)


def seen_by_upstream(page):
    status, text = page.nginx.get("at_80")
    assert status == 200, text
    return int(text, 16)


def test_as_a_client(page):
    page = page("As a client of an upstream")
    echo = page.nginx.port("at_9181")
    page.configure("upstream", f'{{ echo = "http://127.0.0.1:{echo}/everleaf/upstream", '
                               f'upstream = "127.0.0.1:{page.upstream.port("backend")}" }}')
    page.write(page.blocks[0], sections("nginx")["The echo"][0]).nginx.start()
    old = seen_by_upstream(page)
    page.everleafd.once().succeeded()
    assert seen_by_upstream(page) == page.everleafd.serial("upstream") != old


@pytest.mark.parametrize("heading", ["As a server", "Both"])
def test_as_a_server(page, heading):
    page = page(heading)
    page.configure("web", f'{{ tls = "127.0.0.1:{page.nginx.port("at_443")}" }}')
    page.write(*page.blocks).nginx.start()
    old = page.nginx.served("at_443", "web.internal")
    page.everleafd.once().succeeded()
    assert page.nginx.served("at_443", "web.internal") == page.everleafd.serial("web") != old
    status, text = page.nginx.get_tls("at_443", "web.internal", page.ca.leaf("caller"), page.nginx.directory)
    assert status == 200, text
    assert text == "hello CN=caller\n" if heading == "As a server" else int(text, 16) == page.everleafd.serial("web")


def switch_protocols(listener, context):
    """An upstream for one websocket: agrees, and says no more."""
    with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        connection.recv(1)


def test_websockets_and_long_downloads(page):
    page = page("Websockets and long downloads")
    timeout, proxy = page.blocks
    assert timeout == "worker_shutdown_timeout 10m;\n"
    page.configure("upstream", '{ upstream = "127.0.0.1:1" }', f'{{ signal = {{ pid-file = "{page.nginx.pid_file}" }} }}')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(page.upstream.directory / "server.crt", page.upstream.directory / "server.key")
    page.upstream.stop()
    with socket.create_server(("127.0.0.1", page.upstream.port("backend"))) as listener:
        threading.Thread(target=switch_protocols, args=(listener, context), daemon=True).start()
        page.write(proxy, main=timeout.replace("10m", "3s")).nginx.start()
        with socket.create_connection(("127.0.0.1", page.nginx.port("at_80")), 10) as websocket:
            websocket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            assert websocket.recv(100).startswith(b"HTTP/1.1 101")
            result = page.everleafd.once().succeeded()
            assert "event=draining proxy=nginx workers=1" in result.stderr, str(result)
            while websocket.recv(1000):  # until nginx cuts it
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="the workers have to be the keys' owner")
def test_variables_in_file_names(page):
    page = page("Variables in file names")
    echo = sections("nginx")["The echo"][0].replace("proxy_ssl_certificate     /var/lib/everleaf/live/upstream",
                                                    "proxy_ssl_certificate     $client_pair")
    echo = echo.replace("proxy_ssl_certificate_key /var/lib/everleaf/live/upstream", "proxy_ssl_certificate_key $client_pair")
    assert echo.count("$client_pair") == 2
    port = page.nginx.port("at_9181")
    page.configure("upstream", f'{{ echo = "http://127.0.0.1:{port}/everleaf/upstream" }}', '"none"')
    page.write(page.blocks[0], echo)
    page.nginx.configuration.write_text(page.nginx.configuration.read_text().replace("user www-data;", "user root;"))
    page.nginx.start()
    old, workers = seen_by_upstream(page), page.nginx.workers()
    page.everleafd.once().succeeded()
    assert seen_by_upstream(page) == page.everleafd.serial("upstream") != old and page.nginx.workers() == workers


def test_every_block_for_everleafd_is_a_configuration(daemon, lying_ca):
    everleafd = daemon(lying_ca)
    for heading, blocks in sections("toml").items():
        for block in blocks:
            names = tomllib.loads(block)
            proxies = "" if "proxy" in names else '[proxy.nginx]\nreload = "none"\n'
            everleafd.configure(proxies, block)
            everleafd("--config", everleafd.config, "--check").succeeded()


def test_every_block_is_in_a_test():
    blocks = {heading: len(blocks) for heading, blocks in sections("nginx").items() if blocks}
    assert blocks == {"As a client of an upstream": 1, "The echo": 1, "As a server": 1, "Both": 1,
                      "Websockets and long downloads": 2, "Variables in file names": 1}
