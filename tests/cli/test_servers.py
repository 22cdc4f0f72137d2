# SPDX-License-Identifier: Apache-2.0
"""What `certificate inspect` and its like say of servers that a CA of ours would not set up."""
import socketserver
import ssl
import threading

import pytest

from certificates import hierarchy, issue


class Server(socketserver.ThreadingTCPServer):
    """Shows `chain` to whoever comes."""

    def __init__(self, work, chain, key):
        (work / "shown.crt").write_text(chain)
        (work / "shown.key").write_text(key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(work / "shown.crt", work / "shown.key")
        super().__init__(("127.0.0.1", 0), None)
        self.url = f"https://localhost:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def finish_request(self, connection, peer):
        with self.context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    def handle_error(self, request, peer):
        pass


@pytest.fixture
def shown(everleaf, work):
    """Runs everleaf against a server with a certificate for `names`; `times` it sends its leaf."""
    authorities = hierarchy()
    authorities.root.save(work / "root.crt")
    servers = []

    def run(command, *flags, names, times=1):
        leaf = issue(authorities.intermediate, "localhost", names=names)
        servers.append(Server(work, times * leaf.pem + authorities.intermediate.pem, leaf.key_pem))
        return everleaf("certificate", command, "--roots", "root.crt", *flags, servers[-1].url)

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("command", ["inspect", "fingerprint", "verify"])
def test_a_common_name_is_no_servers_name(shown, command):
    shown(command, names=["localhost"]).succeeded()
    shown(command, names=[]).failed("not for localhost")


def test_verify_judges_a_servers_name_with_insecure_too(shown):
    shown("verify", "--insecure", names=["localhost"]).succeeded()
    shown("verify", "--insecure", "--servername", "other.test", names=["other.test"]).succeeded()
    shown("verify", "--insecure", names=["other.test"]).failed("not for localhost")
    shown("verify", "--insecure", "--host", "other.test", names=["other.test"]).failed("not for localhost")


def test_a_certificate_that_is_sent_twice_is_shown_twice(shown):
    lines = shown("fingerprint", "--bundle", names=["localhost"], times=2).succeeded().stdout.splitlines()
    assert len(lines) == 3 and lines[0][3:] == lines[1][3:] != lines[2][3:]
