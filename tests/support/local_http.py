# SPDX-License-Identifier: Apache-2.0
"""Asks a server at a Unix socket, well or badly."""
import http.client
import json
import socket


class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = connect(self.path, self.timeout)


def connect(path, timeout=60):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    connection.connect(str(path))
    return connection


def ask(path, target, method="GET", **options):
    """Status and body; the body parsed if it is JSON."""
    connection = LocalConnection(path)
    try:
        connection.request(method, target, **options)
        answer = connection.getresponse()
        body = answer.read().decode()
        return answer.status, json.loads(body) if answer.headers["Content-Type"] == "application/json" else body
    finally:
        connection.close()


def say(connection, data):
    """Sends these bytes and reads all that comes; what the peer did not read does not matter."""
    try:
        connection.sendall(data)
    except OSError:
        pass
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def status_of(received):
    """Of a raw answer; None: there was none."""
    return int(received.split()[1]) if received else None
